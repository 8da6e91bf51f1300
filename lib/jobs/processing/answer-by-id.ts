import { randomUUID } from 'node:crypto';
import { isNestedTooDeeply, jsonOf } from '../../elements/nesting.ts';
import type { Origin } from '../../elements/messages.ts';
import { MAX_KEY_BYTES, type ObjectInfo } from '../../stores/object-store.ts';
import { sendLetters } from '../commit/dead-letters.ts';
import type { ErrorsLine } from '../commit/errors-line.ts';
import { inParallel } from '../in-parallel.ts';
import type { OutcomeSpool } from '../commit/outcome-spool.ts';
import { elementAnswerKey } from '../output-layout.ts';
import type { BundleProcessorOptions } from '../attempt/processor-options.ts';
import { putAnswer } from './put-answer.ts';
import { type SpooledOutcome, spooledOutcomes } from './spooled-outcomes.ts';

/** Answers that are put at once. */
const AT_ONCE = 16;

export interface AnsweredMessage {
  readonly elements: readonly unknown[];
  readonly origin: Origin;
  /** Key prefix of dead letters' bodies that are too large for a queue. */
  readonly claims: string;
}

/** Answers each element by an object of its id's name; of several answers to one id, the one that was asked for last stays. */
export async function answerById(
  spool: OutcomeSpool,
  message: AnsweredMessage,
  options: BundleProcessorOptions,
): Promise<void> {
  let outcomes: SpooledOutcome[] = [];
  for await (const outcome of spooledOutcomes(spool)) {
    outcomes.push(outcome);
    if (outcomes.length < AT_ONCE) continue;
    await answerSome(outcomes, message, options);
    outcomes = [];
  }
  await answerSome(outcomes, message, options);
  options.telemetry.count('elements_succeeded', spool.tally.succeeded, options.pipelineName);
  options.telemetry.count('elements_failed', spool.tally.failed, options.pipelineName);
}

async function answerSome(
  outcomes: readonly SpooledOutcome[],
  message: AnsweredMessage,
  { output, pipelineName: pipeline, deadLetters }: BundleProcessorOptions,
): Promise<void> {
  const { origin, claims } = message;
  const answers = outcomes.map(({ ordinal, line, failure }) => {
    // The engine's own line.
    const { id } = failure ?? (JSON.parse(line) as Pick<ErrorsLine, 'id'>);
    const key = elementAnswerKey(pipeline, id.toWellFormed());
    const isNameless = Buffer.byteLength(key) > MAX_KEY_BYTES;
    const letter = isNameless ? JSON.stringify(nameless(id, ordinal, message)) : failure && line;
    return { ordinal, line, failed: failure !== undefined, letter, key: isNameless ? undefined : key };
  });
  // First: no other process looks for the letter of an answer that is there.
  await sendLetters(
    answers.flatMap(({ letter }) => letter ?? []),
    { pipeline, job: origin.messageId, deadLetters, output, claims: `${claims}.${randomUUID()}` },
  );
  await inParallel(answers, AT_ONCE, async ({ ordinal, line, failed, key }) => {
    if (key === undefined) return;
    const order = { sentAt: origin.sentAtMillis, message: origin.messageId, ordinal };
    const metadata = {
      'sent-at': String(order.sentAt),
      message: encodeURIComponent(order.message),
      ordinal: `${ordinal}`,
    };
    const replaces = (there: ObjectInfo['metadata']): boolean => isLater(order, there);
    await putAnswer({ key, line, failed, metadata, replaces }, output);
  });
}

/** An element whose answer can't have its name. */
function nameless(id: string, ordinal: number, { elements, origin }: AnsweredMessage): ErrorsLine {
  const element = elements[ordinal];
  const input = typeof element === 'object' && element !== null && 'input' in element ? element.input : element;
  const text = jsonOf(input);
  return {
    id,
    stage: 'write',
    error: {
      name: 'IdTooLong',
      message: `Cannot answer the element by its id: the object key would have more than ${MAX_KEY_BYTES} bytes`,
    },
    attempts: 1,
    input: isNestedTooDeeply(text) ? text : input,
    source: { messageId: origin.messageId, position: ordinal, ordinal },
  };
}

interface Order {
  readonly sentAt: number;
  readonly message: string;
  readonly ordinal: number;
}

/** True if an element was requested after the answered one: by the message, then by its place in it. */
function isLater(one: Order, answered: ObjectInfo['metadata']): boolean {
  const other = {
    sentAt: Number(answered['sent-at'] ?? -Infinity),
    message: decodeURIComponent(answered['message'] ?? ''),
    ordinal: Number(answered['ordinal'] ?? -1),
  };
  if (one.sentAt !== other.sentAt) return one.sentAt > other.sentAt;
  return one.message === other.message ? one.ordinal > other.ordinal : one.message > other.message;
}
