import { describeError } from '../errors.ts';
import type { MessageQueue, ReceivedMessage } from '../stores/message-queue.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Deadline } from './fabric-ports.ts';

/** A function is gone so long after its time is over. */
const SLACK_MILLIS = 60_000;
/** SQS hides a message for 12 hours from its receive on, and no longer. */
export const MAX_RUN_MILLIS = 11 * 60 * 60 * 1000;

/** How long a message that failed waits for its next receive: 30 s, and four times as long each time, up to 5 minutes. */
const FIRST_WAIT_SECS = 30;
const WAIT_GROWTH = 4;
const MAX_WAIT_SECS = 300;

export interface ComeAgainOptions {
  readonly queue: MessageQueue;
  readonly telemetry: Pick<Telemetry, 'warn'>;
}

/** Returns the time for which a message that is received now can be processed, in milliseconds. */
export function takenMillis(deadline: Deadline): number {
  const millis = deadline.hold?.millis ?? Math.min(deadline.remainingMillis(), MAX_RUN_MILLIS);
  return millis + SLACK_MILLIS;
}

/** Has a message that was killed with its run come again soon after that, and not when its queue would give it again. */
export function hideForRun(message: ReceivedMessage, deadline: Deadline, options: ComeAgainOptions): Promise<void> {
  return hide(message, Math.ceil(takenMillis(deadline) / 1000), options);
}

/** Has a message that failed come again after a while: its queue hides it for hours, as long as the longest run may need. */
export function comeAgainLater(message: ReceivedMessage, options: ComeAgainOptions): Promise<void> {
  const secs = Math.min(MAX_WAIT_SECS, FIRST_WAIT_SECS * WAIT_GROWTH ** (message.receiveCount - 1));
  return hide(message, secs, options);
}

async function hide({ receiptHandle }: ReceivedMessage, secs: number, options: ComeAgainOptions): Promise<void> {
  try {
    await options.queue.changeVisibility(receiptHandle, secs);
  } catch (error) {
    // It comes again all the same, only later.
    options.telemetry.warn('a message could not be hidden for a while', { secs, error: describeError(error) });
  }
}
