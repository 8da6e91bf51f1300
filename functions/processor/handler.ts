import { eachMessage, type SqsHandler } from '../sqs-handler.ts';
import { createRenewedProcessor, type RenewedProcessorOptions } from '../serving/renewed-processor.ts';

/** Handler of bundles with its engine. */
export interface ProcessorHandler extends AsyncDisposable {
  readonly handler: SqsHandler;
  /** Starts the engine; resolves when its models are loaded. @throws ConfigError, ModelLoadError */
  warm(): Promise<void>;
}

/** Returns the handler that processes the messages of one pipeline; the messages of an invocation run concurrently. */
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
