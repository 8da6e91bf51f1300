import { Finalizer, type FinalizerOptions } from '../../lib/jobs/finalizing/finalizer.ts';
import { eachMessage, type SqsHandler } from '../sqs-handler.ts';

/** Checks jobs until they have ended; each message is one check of one job. */
export function createFinalizerHandler(options: FinalizerOptions): SqsHandler {
  const finalizer = new Finalizer(options);
  return eachMessage((message, deadline) => finalizer.process(message, deadline), options.telemetry);
}
