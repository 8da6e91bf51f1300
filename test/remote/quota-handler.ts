import { HttpClient } from '../../lib/remote/http/http-client.ts';
import {
  RemoteModelHandler,
  type RemoteModelHandlerOptions,
  type RequestOptions,
} from '../../lib/remote/remote-model-handler.ts';

/** Asks a QuotaServer. */
export class QuotaHandler extends RemoteModelHandler<unknown, unknown, HttpClient> {
  readonly #url: string;

  constructor({ url, ...options }: RemoteModelHandlerOptions & { readonly url: string }) {
    super(options);
    this.#url = url;
  }

  override get endpointName(): string {
    return `the model at ${this.#url}`;
  }

  override createClient(): HttpClient {
    return new HttpClient({ url: this.#url, endpoint: this.endpointName });
  }

  override request(batch: readonly unknown[], client: HttpClient, { signal }: RequestOptions): Promise<unknown[]> {
    const body = { instances: batch };
    return client.postJson('predict', body, {
      signal,
      read: (answer) => (answer.json() as { readonly predictions: unknown[] }).predictions,
    });
  }
}
