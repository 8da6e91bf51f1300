import type { Origin, SettleMessage } from '../../elements/messages.ts';
import { readPart } from '../commit/part-metadata.ts';
import { settlePart } from '../commit/settle-part.ts';
import { elementsPlace } from '../output-layout.ts';
import type { Attempt, BundleProcessorOptions } from '../attempt/processor-options.ts';

/** SQS's most, and the longest run of a function: by then the attempt has settled its part itself, or was killed. */
const LOOK_AFTER_SECS = 900;

/**
 * Has the part of a message settled after a while, whatever becomes of this attempt: it may be the last one, and a message
 * belongs to no job that a finalizer looks at.
 */
export async function sendSettle(
  origin: Origin,
  { bundles, pipelineName: pipeline }: Pick<BundleProcessorOptions, 'bundles' | 'pipelineName'>,
): Promise<void> {
  const message: SettleMessage = { version: 1, kind: 'settle', pipeline, origin };
  await bundles.send([{ body: JSON.stringify(message), delaySecs: LOOK_AFTER_SECS }]);
}

/** Does what the committed part of a message still lacks. Without a part the message is in the dead-letter queue. */
export async function settleElements(
  { origin }: SettleMessage,
  { deadline: { signal }, options }: Attempt,
): Promise<void> {
  const { engine, output, pipelineName: pipeline, deadLetters, telemetry } = options;
  const place = elementsPlace(pipeline, origin, engine.pipeline.output);
  const part = await readPart(place, output, { signal });
  if (part !== undefined) return settlePart(place, part, { pipeline, deadLetters, output, telemetry, signal });
  telemetry.warn('a message of elements was not committed when it was received again', { messageId: origin.messageId });
}
