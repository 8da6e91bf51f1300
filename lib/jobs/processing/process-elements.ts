import type { ElementsMessage } from '../../elements/messages.ts';
import { elementsPlace } from '../output-layout.ts';
import type { Attempt, BundleProcessorOptions } from './processor-options.ts';
import { answerById } from './answer-by-id.ts';
import { type BundleWork, runOutcomes } from './run-outcomes.ts';
import { runPart, settleCommitted } from './run-part.ts';

/** The message whose elements they are: one sent in the place of another goes on under that one's name. */
export function originOf({ origin }: ElementsMessage, { received }: Attempt): NonNullable<ElementsMessage['origin']> {
  return origin ?? { messageId: received.id, sentAtMillis: received.sentAtMillis };
}

/** Runs the elements of one message as a bundle: to a part by the message's name, or to an answer for each element's id. */
export async function processElements(
  message: ElementsMessage,
  attempt: Attempt,
  options: BundleProcessorOptions,
): Promise<void> {
  const { engine, pipelineName } = options;
  const { elements } = message;
  const origin = originOf(message, attempt);
  const { messageId, sentAtMillis } = origin;
  const work: BundleWork = {
    place: elementsPlace(pipelineName, messageId, sentAtMillis),
    bundle: { name: messageId, source: { kind: 'elements', elements }, address: { messageId } },
  };
  if (engine.pipeline.output.elements === 'id') {
    const answer = { elements, origin, claims: work.place.staging };
    await runOutcomes(work, attempt, options, ({ spool }) => answerById(spool, answer, options));
    return;
  }
  if (await settleCommitted(work, attempt, options)) return;
  await runPart(work, attempt, options);
}
