import { randomUUID } from 'node:crypto';
import type {
  BundleMessage,
  ElementsMessage,
  ObjectsMessage,
  Origin,
  RedriveMessage,
  SettleMessage,
} from '../../elements/messages.ts';
import { jsonOf } from '../../elements/nesting.ts';
import { FabricError } from '../../errors.ts';
import { checkIn } from '../commit/claim-check.ts';
import { replacedMessageKey, stagingOf } from '../output-layout.ts';
import { JOB_MAX_MILLIS } from '../sending/send-finalize.ts';
import type { Attempt } from '../attempt/processor-options.ts';

/** A processor's message. */
export type ProcessorMessage = BundleMessage | ObjectsMessage | ElementsMessage | SettleMessage | RedriveMessage;

/** SQS holds a message back no longer than this. */
const MAX_DELAY_SECS = 900;
const DAY_MILLIS = 24 * 60 * 60 * 1000;
/** By then the finalizer has given a job up; without a limit, a bundle would go round for ever. */
const MAX_AGE_MILLIS = JOB_MAX_MILLIS;

/** A message was requeued for so long that it is not sent again. */
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
 * Sends a message again, in whose place another attempt goes on: its receives are not counted on. The old one can be
 * acknowledged then.
 *
 * @param options.delaySecs - how long it is held back, 900 at most. Default: not at all.
 * @throws TooOldError
 */
export async function handBack(
  message: ProcessorMessage,
  attempt: Attempt,
  { delaySecs = 0 }: { readonly delaySecs?: number } = {},
): Promise<void> {
  const { output, bundles, telemetry, pipelineName: pipeline } = attempt.options;
  const history = historyOf(message, attempt);
  if (message.kind === 'elements') {
    await replaceElements({ ...message, ...history }, attempt, { delaySecs });
  } else {
    const job = message.kind === 'settle' ? undefined : message.job;
    const key = `${stagingOf({ pipeline, id: job ?? '_messages' })}/messages/${randomUUID()}.json`;
    const body = await checkIn(jsonOf({ ...message, ...history }), { pipeline, key, output });
    const waits = Math.min(MAX_DELAY_SECS, delaySecs);
    await bundles.send([{ body, delaySecs: waits, ...(job === undefined ? {} : { groupId: job }) }]);
  }
  telemetry.count('bundles_handed_back', 1, pipeline);
}

/** @throws TooOldError */
function historyOf({ attempts = 0, firstSentAt }: ProcessorMessage, { received, options }: Attempt) {
  const sentAt = firstSentAt ?? received.sentAtMillis;
  const ageMillis = options.now() - sentAt;
  if (ageMillis > MAX_AGE_MILLIS) throw new TooOldError(ageMillis);
  return { attempts: attempts + 1, firstSentAt: sentAt };
}

/** The message that names the parts of elements: one sent in the place of another goes on under that one's name. */
export function originOf({ origin }: ElementsMessage, { received }: Attempt): Origin {
  return origin ?? { messageId: received.id, sentAtMillis: received.sentAtMillis };
}

/**
 * Sends a message of elements in place of the received one, whose part it names. Its body is stored for a claim check
 * even if it is small: a producer can write into the queue, but not to where the fabric stores bodies.
 *
 * @param options.receives - receives of the messages before it
 */
export async function replaceElements(
  message: ElementsMessage,
  attempt: Attempt,
  { delaySecs = 0, receives = message.receives }: { readonly delaySecs?: number; readonly receives?: number } = {},
): Promise<void> {
  const { output, bundles, pipelineName: pipeline } = attempt.options;
  const next = { ...message, origin: originOf(message, attempt), ...(receives === undefined ? {} : { receives }) };
  const key = replacedMessageKey(pipeline, randomUUID());
  const body = await checkIn(jsonOf(next), { pipeline, key, output, always: true });
  await bundles.send([{ body, delaySecs: Math.min(MAX_DELAY_SECS, delaySecs) }]);
}

/** A message of elements without what only the fabric may state. */
export function asProduced({ version, kind, pipeline, elements }: ElementsMessage): ElementsMessage {
  return { version, kind, pipeline, elements };
}
