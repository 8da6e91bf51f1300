import { randomUUID } from 'node:crypto';
import type { BundleMessage, ElementsMessage, ObjectsMessage, RedriveMessage } from '../../elements/messages.ts';
import { jsonOf } from '../../elements/nesting.ts';
import { FabricError } from '../../errors.ts';
import { checkIn } from '../commit/claim-check.ts';
import { stagingOf } from '../output-layout.ts';
import { originOf } from './process-elements.ts';
import { JOB_MAX_MILLIS } from '../send-finalize.ts';
import type { Attempt, BundleProcessorOptions } from './processor-options.ts';

/** What a processor takes. */
export type ProcessorMessage = BundleMessage | ObjectsMessage | ElementsMessage | RedriveMessage;

/** SQS holds a message back no longer than this. */
const MAX_DELAY_SECS = 900;
const DAY_MILLIS = 24 * 60 * 60 * 1000;
/** By then the finalizer has given a job up; without a limit, a bundle would go round for ever. */
const MAX_AGE_MILLIS = JOB_MAX_MILLIS;

/** A message has been handed back for so long that it is not sent again. */
export class TooOldError extends FabricError {
  override readonly name = 'TooOldError';
  constructor(ageMillis: number) {
    const days = (ageMillis / DAY_MILLIS).toFixed(1);
    super(
      'TOO_OLD',
      `the bundle was not done ${days} days after it was first sent, ${MAX_AGE_MILLIS / DAY_MILLIS} at most`,
    );
  }
}

/** An attempt had all the time that there is, and none of its elements was done in it. */
export class NoProgressError extends FabricError {
  override readonly name = 'NoProgressError';
  constructor(usedMillis: number, cause: unknown) {
    super(
      'NO_PROGRESS',
      `the bundle had ${Math.round(usedMillis / 1000)} s, and none of its elements was done by then`,
      {
        cause,
        disposition: 'retry',
      },
    );
  }
}

/**
 * Sends a message anew, in whose place another attempt goes on: its receives are not counted on. The old one can be
 * acknowledged then.
 *
 * @param options.delaySecs - how long it is held back, 900 at most. Default: not at all.
 * @throws TooOldError
 */
export async function handBack(
  message: ProcessorMessage,
  attempt: Attempt,
  { output, bundles, now, telemetry, pipelineName: pipeline }: BundleProcessorOptions,
  { delaySecs = 0 }: { readonly delaySecs?: number } = {},
): Promise<void> {
  const { attempts = 0, firstSentAt = attempt.received.sentAtMillis } = message;
  const ageMillis = now() - firstSentAt;
  if (ageMillis > MAX_AGE_MILLIS) throw new TooOldError(ageMillis);
  const history = { attempts: attempts + 1, firstSentAt };
  const next: ProcessorMessage =
    message.kind === 'elements'
      ? { ...message, ...history, origin: originOf(message, attempt) }
      : { ...message, ...history };
  const job = message.kind === 'elements' ? undefined : message.job;
  const key = `${stagingOf({ pipeline, id: job ?? '_messages' })}/messages/${randomUUID()}.json`;
  const body = await checkIn(jsonOf(next), { pipeline, key, output });
  const waits = Math.min(MAX_DELAY_SECS, delaySecs);
  await bundles.send([{ body, delaySecs: waits, ...(job === undefined ? {} : { groupId: job }) }]);
  telemetry.count('bundles_handed_back', 1, pipeline);
}
