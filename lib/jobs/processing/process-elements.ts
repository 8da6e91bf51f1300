import type { ElementsMessage } from '../../elements/messages.ts';
import { elementsPlace } from '../output-layout.ts';
import type { Attempt, BundleAttempt } from '../attempt/processor-options.ts';
import { answerById } from './answer-by-id.ts';
import { originOf, replaceElements } from './hand-back.ts';
import { runOutcomes } from '../attempt/run-outcomes.ts';
import { runPart, settleCommitted } from './run-part.ts';
import { sendSettle } from './settle-elements.ts';

/**
 * Runs the elements of one message as a bundle: to a part by the message's name, or to an answer for each element's id.
 *
 * A message that was given up gets another id when it is sent again, and its elements would get other outcomes beside
 * those that are committed. So a producer's message that comes a second time is only replaced by one that names it: that
 * one runs from then on, and is the one that may be given up. The producer's is given up beside it only where four
 * attempts in a row die right after they sent the other one.
 */
export async function processElements(message: ElementsMessage, attempt: Attempt): Promise<void> {
  const { options } = attempt;
  const { engine, pipelineName } = options;
  const { elements, receives = 0 } = message;
  const { receiveCount } = attempt.received;
  if (message.origin === undefined && receiveCount > 1) {
    return replaceElements(message, attempt, { receives: receiveCount - 1 });
  }
  const origin = originOf(message, attempt);
  const { messageId } = origin;
  const work: BundleAttempt = {
    ...attempt,
    place: elementsPlace(pipelineName, origin, engine.pipeline.output),
    bundle: { name: messageId, source: { kind: 'elements', elements }, address: { messageId } },
    receivesBefore: receives,
    // Others follow a first receive.
    ...(receives + receiveCount === 1 ? {} : { beforeSettling: () => sendSettle(origin, options) }),
  };
  if (engine.pipeline.output.elements === 'id') {
    const answer = { elements, origin, claims: work.place.staging };
    await runOutcomes(work, ({ spool }) => answerById(spool, answer, options));
    return;
  }
  if (await settleCommitted(work)) return;
  await runPart(work);
}
