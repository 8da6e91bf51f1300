import {
  defineFabric,
  EndpointError,
  readSecret,
  RemoteModelHandler,
  type RequestOptions,
  runInference,
  type SecretReference,
} from 'inference-fabric';

interface Language {
  readonly code: string;
}

const TOKEN: SecretReference = { env: 'LANGUAGES_TOKEN' };

/** POST /detect takes `{ texts }` and answers `{ languages }`, with null for a text that it makes nothing of. */
class LanguageModelHandler extends RemoteModelHandler<string, Language, { readonly authorization: string }> {
  /** What messages call it. */
  override get endpointName(): string {
    return 'the language service';
  }

  /** A function on AWS may read these, and no other secrets. */
  override get secretReferences(): readonly SecretReference[] {
    return [TOKEN];
  }

  /** Once an engine. */
  override async createClient() {
    return { authorization: `Bearer ${await readSecret(TOKEN)}` };
  }

  /** A result for each element, in order; an Error is the failure of that one alone. */
  override async request(
    batch: readonly string[],
    headers: { readonly authorization: string },
    options: RequestOptions,
  ) {
    const url = `${process.env['LANGUAGES_URL']}/detect`;
    const body = JSON.stringify({ texts: batch });
    const response = await fetch(url, { method: 'POST', headers, body, signal: options.signal });
    if (response.status === 429) {
      const retryAfterMillis = Number(response.headers.get('retry-after') ?? 1) * 1000;
      throw new EndpointError('the language service is busy', { disposition: 'throttle', retryAfterMillis });
    }
    if (!response.ok) {
      const disposition = response.status >= 500 ? 'retry' : response.status === 401 ? 'fatal' : 'poison';
      throw new EndpointError(`the language service answered with ${response.status}`, { disposition });
    }
    const { languages } = (await response.json()) as { readonly languages: readonly (string | null)[] };
    return languages.map((code) => (code === null ? new RangeError('the text is in no language') : { code }));
  }
}

const handler = new LanguageModelHandler({ minBatchSize: 50, maxBatchSize: 50, numRetries: 3, timeoutSecs: 10 });

export default defineFabric({
  pipelines: {
    languages: { input: { format: 'text' }, steps: [runInference(handler)], output: { join: 'input' } },
  },
});
