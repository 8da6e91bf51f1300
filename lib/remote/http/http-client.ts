import { connectionError } from '../endpoint/connection-error.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import { type Refusal, refusalError } from './refusal.ts';
import { secretMask } from './secret-mask.ts';
import { isPage, pageTitle, parsedBody, serverWords, shortened } from './server-words.ts';
import { StrangeAnswers } from '../endpoint/strange-answers.ts';

/** Many times the size of a batch's predictions. A larger answer is something else, or needs smaller batches. */
const DEFAULT_MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** Maximum bytes that are read of a refusal. */
const MAX_REFUSAL_BYTES = 64 * 1024;

export interface HttpClientOptions {
  /** Address to which paths are appended; its query is kept. It has no user and no password. */
  readonly url: string;
  /** Name of the endpoint in messages. @default its address */
  readonly endpoint?: string;
  /** Headers of every request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers of every request whose values are never shown. @default none */
  readonly secretHeaders?: Readonly<Record<string, string>>;
  /** @default 256 MiB */
  readonly maxAnswerBytes?: number;
  /** Returns the error of a refusal whose status is not enough. @default the error of the status */
  readonly refusalError?: (refusal: Refusal) => EndpointError | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  readonly text: () => string;
  /** @throws NotTheProtocolError if it is not JSON. */
  readonly json: () => unknown;
}

export interface HttpRequest<T> {
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Reads a successful answer. @throws NotTheProtocolError if it does not follow the protocol. */
  readonly read: (answer: HttpAnswer) => T;
}

export interface NotTheProtocolOptions {
  /** True if a retry may succeed, such as after a page of a proxy. @default false */
  readonly passing?: boolean;
}

/**
 * A successful answer does not follow the protocol. The message continues `<endpoint> answered with`; the client converts
 * it to an EndpointProtocolError.
 */
export class NotTheProtocolError extends Error {
  override readonly name = 'NotTheProtocolError';
  readonly passing: boolean;
  constructor(message: string, { passing = false }: NotTheProtocolOptions = {}) {
    super(message);
    this.passing = passing;
  }
}

/** Returns an address for messages: without its query, which may contain a key. */
export function shownAddress(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? 'its address' : `${parsed.origin}${parsed.pathname}`.replace(/\/$/, '');
}

/** @throws TypeError if the address is invalid; the message does not repeat it. */
export function checkAddress(url: string, handler: string, option = 'endpoint'): void {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new TypeError(`Cannot create ${handler} as '${option}' must be an http:// or https:// URL`);
  }
  if (parsed.username === '' && parsed.password === '') return;
  throw new TypeError(
    `Cannot create ${handler} as '${option}' must not contain a user or a password: use 'secretHeaders' for the value of an authorization header`,
  );
}

const SECRET_HEADERS = /^(proxy-)?authorization$|^cookie$|api-?key$|token$|secret$/i;

/** @throws TypeError if a header that is a secret by its name has its value in the config. */
export function checkHeaders(headers: Readonly<Record<string, string>>, handler: string): void {
  for (const name of Object.keys(headers)) {
    if (!SECRET_HEADERS.test(name)) continue;
    throw new TypeError(
      `Cannot create ${handler} as 'headers' must not contain '${name}', which is a secret: refer to it in 'secretHeaders'`,
    );
  }
}

/**
 * Sends requests to an endpoint over HTTP with Node's fetch, which keeps connections alive. Every failure is an
 * EndpointError: its message starts with the endpoint's name and contains a solution. Messages contain no secret that was
 * sent. Redirects are not followed, so no other host receives a secret.
 */
export class HttpClient {
  readonly endpoint: string;
  readonly #url: URL;
  readonly #headers: Headers;
  readonly #options: HttpClientOptions;
  readonly #mask: (words: string) => string;
  /** Counts by path: valid metadata does not mean that inference works. */
  readonly #strangeAnswers = new Map<string, StrangeAnswers>();

  /** @throws EndpointError if a header can't be sent. */
  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    this.endpoint = options.endpoint ?? shownAddress(options.url);
    this.#mask = secretMask([...Object.values(options.secretHeaders ?? {}), ...this.#url.searchParams.values()]);
    this.#headers = this.#checkedHeaders();
  }

  get<T>(path: string, request: HttpRequest<T>): Promise<T> {
    return this.#send(path, { method: 'GET' }, request);
  }

  post<T>(path: string, body: string | Uint8Array, request: HttpRequest<T>): Promise<T> {
    // Bodies are not in memory that is shared between threads.
    return this.#send(path, { method: 'POST', body: body as string | Uint8Array<ArrayBuffer> }, request);
  }

  postJson<T>(path: string, value: unknown, request: HttpRequest<T>): Promise<T> {
    const headers = { 'content-type': 'application/json', ...request.headers };
    return this.post(path, JSON.stringify(value), { ...request, headers });
  }

  async #send<T>(path: string, init: RequestInit, request: HttpRequest<T>): Promise<T> {
    const headers = new Headers(this.#headers);
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name, value);
    const answer = await this.#fetch(this.#urlOf(path), {
      ...init,
      headers,
      signal: request.signal,
      // Secrets would go to a host that the config does not name.
      redirect: 'manual',
    });
    if (answer.status < 200 || answer.status > 299) throw this.#refused(answer);
    return this.#read(path, answer, request.read);
  }

  async #fetch(url: URL, init: RequestInit & { readonly signal: AbortSignal }): Promise<HttpAnswer> {
    try {
      const response = await fetch(url, init);
      const { status, headers } = response;
      return answerOf(status, headers, await this.#bytesOf(response));
    } catch (error) {
      init.signal.throwIfAborted();
      throw error instanceof EndpointError ? error : connectionError(this.endpoint, error);
    }
  }

  /** Reads the body: the beginning of a refusal, all of an answer. */
  async #bytesOf(response: Response): Promise<Uint8Array> {
    const { maxAnswerBytes = DEFAULT_MAX_ANSWER_BYTES } = this.#options;
    const limit = response.ok ? maxAnswerBytes : MAX_REFUSAL_BYTES;
    const chunks: Uint8Array[] = [];
    let length = 0;
    // Leaving the loop early closes the connection.
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length <= limit) continue;
      if (response.ok) throw this.#tooLarge(limit);
      break;
    }
    return chunks.length === 1 ? (chunks[0] ?? new Uint8Array()) : Buffer.concat(chunks, length);
  }

  #tooLarge(limit: number): EndpointError {
    return new EndpointError(
      `${this.endpoint} answered with more than ${limit} bytes: a lower maxBatchSize makes its answers smaller`,
      { name: 'EndpointAnswerSizeError', disposition: 'poison' },
    );
  }

  #refused({ status, headers, text }: HttpAnswer): EndpointError {
    const body = text();
    const words = serverWords(body, this.#mask);
    const refusal = { endpoint: this.endpoint, status, headers, words, body: parsedBody(body) };
    return this.#options.refusalError?.(refusal) ?? refusalError(refusal);
  }

  #read<T>(path: string, answer: HttpAnswer, read: (answer: HttpAnswer) => T): T {
    const strange = this.#strangeAnswers.get(path) ?? new StrangeAnswers();
    this.#strangeAnswers.set(path, strange);
    try {
      const value = read(answer);
      strange.wasValid();
      return value;
    } catch (error) {
      if (!(error instanceof NotTheProtocolError)) throw error;
      throw strange.error(this.endpoint, shortened(this.#mask(error.message)), { passing: error.passing });
    }
  }

  #urlOf(path: string): URL {
    const url = new URL(this.#url);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`;
    return url;
  }

  #checkedHeaders(): Headers {
    const headers = new Headers();
    for (const [name, value] of Object.entries({ ...this.#options.headers, ...this.#options.secretHeaders })) {
      try {
        headers.set(name, value);
      } catch {
        // The error of fetch quotes the value.
        const text = `${this.endpoint} can't be sent the header '${name}': its name or its value has a character that HTTP does not allow`;
        throw new EndpointError(text, { name: 'EndpointCredentialsError', disposition: 'fatal' });
      }
    }
    return headers;
  }
}

function answerOf(status: number, headers: Headers, bytes: Uint8Array): HttpAnswer {
  const text = (): string => new TextDecoder().decode(bytes);
  return { status, headers, bytes, text, json: () => jsonOf(text()) };
}

function jsonOf(text: string): unknown {
  const value = parsedBody(text);
  if (value !== undefined) return value;
  const what = isPage(text) ? pageTitle(text) : text === '' ? 'nothing' : 'a body that is not JSON';
  throw new NotTheProtocolError(`${what}: check its address`, { passing: true });
}
