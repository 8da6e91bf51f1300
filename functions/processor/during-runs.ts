import type { SqsHandler } from '../sqs-handler.ts';

/** Returns a handler that also does `work` at the start of each run, in intervals during it, and at its end. */
export function duringRuns(handler: SqsHandler, everyMillis: number, work: () => void): SqsHandler {
  return async (event, context) => {
    work();
    const timer = setInterval(work, everyMillis);
    try {
      return await handler(event, context);
    } finally {
      clearInterval(timer);
      work();
    }
  };
}
