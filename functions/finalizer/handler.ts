import { Finalizer, type FinalizerOptions } from '../../lib/jobs/finalizing/finalizer.ts';
import { eachMessage, type SqsHandler } from '../sqs-handler.ts';

/** Looks after jobs until they have ended, a message for each look. */
export function createFinalizerHandler(options: FinalizerOptions): SqsHandler {
  const finalizer = new Finalizer(options);
  return eachMessage((message, deadline) => finalizer.process(message, deadline), options.telemetry);
}
