import type { SqsHandler } from '../sqs-handler.ts';

/** A handler that does something at the beginning of each run, every so often during it, and at its end. */
export function whileAtWork(handler: SqsHandler, everyMillis: number, work: () => void): SqsHandler {
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
