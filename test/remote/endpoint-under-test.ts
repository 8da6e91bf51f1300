import { expect } from 'vitest';
import { EndpointError } from '../../lib/remote/endpoint/endpoint-error.ts';
import { RemoteEndpoint } from '../../lib/remote/endpoint/remote-endpoint.ts';
import type { RemoteModelHandler, RemoteModelHandlerOptions } from '../../lib/remote/remote-model-handler.ts';
import { Metrics } from '../../lib/telemetry/metrics.ts';
import type { Variables } from './environment.ts';
import type { FakeAnswer, FakeHandler, FakeRequest, FakeServiceOptions } from './fake-service.ts';
import { QUICK_CLOCK } from './quick-clock.ts';
import { askOptionsOf } from './scripted-handler.ts';
import { sharedService } from './shared-service.ts';

/** Text in the first element of a suite's batch, which no message may contain. */
export const PAYLOAD = '271828';

type HandlerOptions = Pick<RemoteModelHandlerOptions, 'maxConcurrency' | 'numRetries'>;

export interface EndpointSuite<Client> {
  /** @default HTTP/1.1 */
  readonly service?: FakeServiceOptions;
  /** Valid answer of the service. */
  readonly rightly: FakeHandler;
  /** Returns true if a request is for predictions, not for the model's description. @default true for all */
  readonly isQuestion?: (request: FakeRequest) => boolean;
  /** Environment: secrets, and the service's address if handlers read it from there. */
  readonly environment: (url: string) => Variables;
  /** Variables that remove the credentials from the environment. */
  readonly withoutCredentials: Variables;
  readonly handler: (url: string, options: HandlerOptions) => RemoteModelHandler<never, unknown, Client>;
  readonly close?: (client: Client) => void;
  /** The elements of one request, and what `rightly` predicts for them. */
  readonly batch: readonly unknown[];
  readonly predictions: readonly unknown[];
  /** No element of this handler's. */
  readonly misfit: unknown;
  /** How the service says why it refuses a request. */
  readonly refusal: (status: number, words: string) => FakeAnswer;
  /** Texts that no message may contain. */
  readonly secrets: readonly string[];
  /** A refusal in which the service repeats what it was sent. */
  readonly repeating: (secret: string) => FakeAnswer;
  /** Successes that are not what the service should answer: what messages say of them, and what is done. */
  readonly strange: readonly (readonly [answer: FakeAnswer, words: string, disposition: 'poison' | 'retry'])[];
}

const NEVER = new AbortController().signal;

/** A handler of the suite's over a service that answers its questions as each test says. */
export function endpointUnderTest<Client>(suite: EndpointSuite<Client>) {
  const { isQuestion = () => true, rightly, batch } = suite;
  const service = sharedService(rightly, { ...suite.service, environment: suite.environment });
  const asked = (): number => service.requests.filter(isQuestion).length;

  /** Answers what is asked of the model so, one question after the other, and rightly then. */
  function answers(...given: readonly FakeHandler[]): void {
    const left = [...given];
    service.answers((request) => (isQuestion(request) ? (left.shift() ?? rightly) : rightly)(request));
  }

  function alwaysAnswers(answer: FakeHandler): void {
    service.answers((request) => (isQuestion(request) ? answer : rightly)(request));
  }

  async function withHandler<T>(
    work: (request: (elements: readonly unknown[], signal?: AbortSignal) => Promise<readonly unknown[]>) => Promise<T>,
    { url = service.url, ...options }: HandlerOptions & { readonly url?: string } = {},
  ): Promise<T> {
    const handler = suite.handler(url, options);
    const client = await handler.createClient();
    try {
      return await work((elements, signal = NEVER) => handler.request(elements as never[], client, { signal }));
    } finally {
      suite.close?.(client);
    }
  }

  async function failureOf(asking: Promise<unknown>): Promise<EndpointError> {
    const error: unknown = await asking.then(
      () => expect.fail('it succeeded'),
      (error: unknown) => error,
    );
    if (!(error instanceof EndpointError)) throw error;
    for (const secret of [...suite.secrets, PAYLOAD]) expect(error.message).not.toContain(secret);
    return error;
  }

  /** A failure of the endpoint's: its message begins with whose it is. */
  async function failure(url = service.url): Promise<EndpointError> {
    const error = await failureOf(withHandler((request) => request(batch), { url }));
    expect(error.message.startsWith(suite.handler(url, {}).endpointName), error.message).toBe(true);
    return error;
  }

  /** As an engine asks, with all its patience. */
  async function ask(options: HandlerOptions = {}, url = service.url) {
    // Elements are of any type to an endpoint.
    const handler = suite.handler(url, options) as RemoteModelHandler<never> as RemoteModelHandler;
    const endpoint = new RemoteEndpoint({ handler, metrics: new Metrics(), clock: QUICK_CLOCK });
    return endpoint.ask(batch, askOptionsOf(batch));
  }

  return { service, asked, answers, alwaysAnswers, withHandler, failureOf, failure, ask };
}
