import { FabricError } from '../../lib/errors.ts';
import type { InferenceEngine } from '../../lib/inference/engine.ts';
import { BundleProcessor } from '../../lib/jobs/processing/bundle-processor.ts';
import type { BundleProcessorOptions } from '../../lib/jobs/processing/processor-options.ts';
import { eachMessage, type SqsHandler } from '../sqs-handler.ts';
import { Renewable } from './renewable.ts';

export interface ProcessorHandlerOptions extends Omit<BundleProcessorOptions, 'engine'> {
  /** Called for the first message, and for the first one after an engine that serves nobody any more. */
  readonly startEngine: () => Promise<InferenceEngine>;
}

export interface ProcessorHandler extends AsyncDisposable {
  readonly handler: SqsHandler;
  /** Starts the engine, and resolves when its models are loaded. @throws ConfigError, ModelLoadError */
  warm(): Promise<void>;
}

/** Takes the messages of one pipeline's queue to its engine, those of an event side by side. */
export function createProcessorHandler({ startEngine, ...options }: ProcessorHandlerOptions): ProcessorHandler {
  const running = new Renewable(async () => {
    const engine = await startEngine().catch((error: unknown) => failedEngine(error));
    const processor = new BundleProcessor({ ...options, engine });
    return { engine, processor, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() };
  }, leavesEngineBroken);
  return {
    handler: eachMessage(
      (message, deadline) => running.use(({ processor }) => processor.process(message, deadline)),
      options.telemetry,
    ),
    warm: () => running.use(({ engine }) => engine.ready()),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

type ServingEngine = Pick<InferenceEngine, 'pipeline' | 'process' | 'ready'> & AsyncDisposable;

/** Stands for an engine that could not be started, so that each bundle fails with the reason and its notes say so. */
function failedEngine(error: unknown): ServingEngine {
  const fail = (): never => {
    throw error;
  };
  return {
    get pipeline() {
      return fail();
    },
    process: async () => fail(),
    ready: async () => fail(),
    [Symbol.asyncDispose]: async () => {},
  };
}

const BREAKING_CODES: ReadonlySet<string> = new Set(['INVALID_CONFIG', 'MODEL_NOT_LOADED']);

/** A model that can't be loaded and a config that can't be imported stay with an engine; with a new one they may be mended. */
function leavesEngineBroken(error: unknown): boolean {
  if (!(error instanceof FabricError)) return true;
  return BREAKING_CODES.has(error.code);
}
