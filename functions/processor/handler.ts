import { eachMessage, type SqsHandler } from '../sqs-handler.ts';
import { createRenewedProcessor, type RenewedProcessorOptions } from '../serving/renewed-processor.ts';

export interface ProcessorHandler extends AsyncDisposable {
  readonly handler: SqsHandler;
  /** Starts the engine, and resolves when its models are loaded. @throws ConfigError, ModelLoadError */
  warm(): Promise<void>;
}

/** Takes the messages of one pipeline's queue to its engine, those of an event side by side. */
export function createProcessorHandler(options: RenewedProcessorOptions): ProcessorHandler {
  const processor = createRenewedProcessor(options);
  return {
    handler: eachMessage((message, deadline) => processor.process(message, deadline), options.telemetry),
    async warm() {
      await processor.warm();
    },
    [Symbol.asyncDispose]: () => processor[Symbol.asyncDispose](),
  };
}
