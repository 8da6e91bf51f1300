import { FabricError } from '../../lib/errors.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import type { Deadline } from '../../lib/jobs/fabric-ports.ts';
import { BundleProcessor } from '../../lib/jobs/processing/bundle-processor.ts';
import type { BundleProcessorOptions } from '../../lib/jobs/attempt/processor-options.ts';
import type { ReceivedMessage } from '../../lib/stores/message-queue.ts';
import { Renewable } from './renewable.ts';

/** Options of a RenewedProcessor. */
export interface RenewedProcessorOptions extends Omit<BundleProcessorOptions, 'engine'> {
  /** Called for the first message, and for the first message after an engine broke. */
  readonly startEngine: () => Promise<InferenceEngine>;
}

type ServingEngine = Pick<InferenceEngine, 'pipeline' | 'workers' | 'process' | 'ready'> & AsyncDisposable;

/** A BundleProcessor that replaces its engine after it broke. */
export interface RenewedProcessor extends Pick<BundleProcessor, 'process'>, AsyncDisposable {
  /** Starts the engine; resolves to it when its models are loaded. @throws ConfigError, ModelLoadError */
  warm(): Promise<Pick<InferenceEngine, 'pipeline' | 'workers'>>;
}

/** Returns a processor that starts its engine for the first message. */
export function createRenewedProcessor({ startEngine, ...options }: RenewedProcessorOptions): RenewedProcessor {
  const running = new Renewable(async () => {
    const engine: ServingEngine = await startEngine().catch((error: unknown) => failedEngine(error));
    const processor = new BundleProcessor({ ...options, engine });
    return { engine, processor, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() };
  }, leavesEngineBroken);
  return {
    process: (message: ReceivedMessage, deadline: Deadline) =>
      running.use(({ processor }) => processor.process(message, deadline)),
    warm: () =>
      running.use(async ({ engine }) => {
        await engine.ready();
        return engine;
      }),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** Returns a stand-in for an engine that could not be started, so that each bundle fails with the reason. */
function failedEngine(error: unknown): ServingEngine {
  const fail = (): never => {
    throw error;
  };
  return {
    get pipeline() {
      return fail();
    },
    workers: 0,
    process: async () => fail(),
    ready: async () => fail(),
    [Symbol.asyncDispose]: async () => {},
  };
}

const BREAKING_CODES: ReadonlySet<string> = new Set(['INVALID_CONFIG', 'MODEL_NOT_LOADED']);

/** An engine never retries a model that can't be loaded or a config that can't be imported; a new engine does. */
function leavesEngineBroken(error: unknown): boolean {
  if (!(error instanceof FabricError)) return true;
  return BREAKING_CODES.has(error.code);
}
