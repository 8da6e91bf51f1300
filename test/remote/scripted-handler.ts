import type { InferenceArgs } from '../../lib/models/model-handler.ts';
import type { AskOptions } from '../../lib/remote/endpoint/batch-answer.ts';
import type { Clock } from '../../lib/time/clock.ts';
import { RemoteEndpoint } from '../../lib/remote/endpoint/remote-endpoint.ts';
import {
  type EndpointInfo,
  RemoteModelHandler,
  type RemoteModelHandlerOptions,
} from '../../lib/remote/remote-model-handler.ts';
import { Metrics } from '../../lib/telemetry/metrics.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Answer to one request: results, or an error. */
export type Reply = (call: Call) => unknown;

export interface Call {
  readonly batch: readonly unknown[];
  /** When it was made, by the clock. */
  readonly at: number;
  readonly signal: AbortSignal;
  readonly inferenceArgs: InferenceArgs | undefined;
}

/** A handler that answers its n-th request with the n-th reply, and those past the last with doubled numbers. */
export class ScriptedHandler extends RemoteModelHandler {
  readonly calls: Call[] = [];
  readonly replies: Reply[];
  readonly #clock: Clock;
  makesClient: () => unknown = () => ({});

  constructor(clock: Clock, replies: Reply[] = [], options: RemoteModelHandlerOptions = {}) {
    super(options);
    this.#clock = clock;
    this.replies = replies;
  }

  override get endpointName(): string {
    return 'wine at http://models.test';
  }

  override createClient(): unknown {
    return this.makesClient();
  }

  override async request(
    batch: readonly unknown[],
    _client: unknown,
    { signal, inferenceArgs }: { signal: AbortSignal; inferenceArgs?: InferenceArgs },
  ): Promise<readonly unknown[]> {
    const call = { batch, at: this.#clock.now(), signal, inferenceArgs };
    this.calls.push(call);
    const reply = this.replies[this.calls.length - 1] ?? doubled;
    return (await reply(call)) as readonly unknown[];
  }
}

export class DescribedHandler extends ScriptedHandler {
  says: () => Promise<EndpointInfo> | EndpointInfo = () => ({ label: '3', digest: 'wine/3' });
  override async describe(): Promise<EndpointInfo> {
    return await this.says();
  }
}

export function doubled({ batch }: Call): unknown[] {
  return batch.map((value) => 2 * Number(value));
}

export function throwing(error: unknown): Reply {
  return () => {
    throw error;
  };
}

/** Resolves when its signal is aborted, and rejects with the reason, as fetch does. */
export function hanging({ signal }: Call): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

const NEVER = new AbortController().signal;

/** An endpoint with a scripted handler, in virtual time, whose waits are nine tenths of what they can be. */
export function endpointWith(replies: Reply[] = [], options: RemoteModelHandlerOptions = {}) {
  const clock = new VirtualClock();
  return endpointOf(clock, new ScriptedHandler(clock, replies, options));
}

export function endpointOf<Handler extends ScriptedHandler>(clock: VirtualClock, handler: Handler) {
  const metrics = new Metrics();
  const warnings: string[] = [];
  const endpoint = new RemoteEndpoint({
    handler,
    metrics,
    clock,
    random: () => 0.9,
    onWarning: (message) => void warnings.push(message),
  });
  const ask = (batch: readonly unknown[], askOptions: Partial<AskOptions> = {}) =>
    clock.run(endpoint.ask(batch, askOptionsOf(batch, askOptions)));
  return { clock, handler, metrics, warnings, endpoint, ask };
}

export function askOptionsOf(batch: readonly unknown[], options: Partial<AskOptions> = {}): AskOptions {
  return {
    weight: batch.length,
    timeoutMillis: 60_000,
    isolating: false,
    signal: NEVER,
    killSignal: NEVER,
    ...options,
  };
}
