import type { MessageQueue, OutgoingMessage } from '../../stores/message-queue.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import { replaceForSqs } from '../../stores/sqs-characters.ts';
import { checkIn } from './claim-check.ts';
import { type ErrorsLine, parseErrorsLine } from './errors-line.ts';
import type { OutputBucket } from '../fabric-ports.ts';

/** Letters that are sent together. */
const GROUP_LETTERS = 100;
/** Characters of letters that wait to be sent. */
const GROUP_CHARACTERS = 1024 * 1024;
/** Length of an attribute: enough to filter by. */
const ATTRIBUTE_CHARACTERS = 256;

export interface SendLettersOptions extends StoreOptions {
  readonly pipeline: string;
  /** Absent for an object that is answered by itself. */
  readonly job?: string;
  readonly deadLetters: MessageQueue;
  readonly output: OutputBucket;
  /** Key prefix of bodies that are too large for a queue. */
  readonly claims: string;
}

/**
 * Sends a dead letter for each line of errors: the line with the message's `version`, `pipeline` and `job`. In memory
 * are a group of them, or a single one.
 */
export async function sendLetters(
  lines: AsyncIterable<string> | Iterable<string>,
  options: SendLettersOptions,
): Promise<void> {
  const { deadLetters, signal } = options;
  let group: OutgoingMessage[] = [];
  let characters = 0;
  let ordinal = 0;
  const send = async (): Promise<void> => {
    if (group.length > 0) await deadLetters.send(group, { signal });
    group = [];
    characters = 0;
  };
  for await (const line of lines) {
    const letter = await letterOf(line, ordinal, options);
    ordinal += 1;
    if (characters + letter.body.length > GROUP_CHARACTERS || group.length === GROUP_LETTERS) await send();
    group.push(letter);
    characters += letter.body.length;
  }
  await send();
}

async function letterOf(line: string, ordinal: number, options: SendLettersOptions): Promise<OutgoingMessage> {
  const { pipeline, job, output, claims, signal } = options;
  const { stage, error }: ErrorsLine = parseErrorsLine(line);
  const address = JSON.stringify({ version: 1, pipeline, ...(job === undefined ? {} : { job }) });
  const body = `${address.slice(0, -1)},${line.slice(1)}`;
  return {
    body: await checkIn(body, { pipeline, output, key: `${claims}.letter-${ordinal}.json`, signal }),
    attributes: {
      pipeline: attribute(pipeline),
      stage: attribute(stage),
      errorName: attribute(error.name),
    },
  };
}

/** A value that SQS takes: not empty, of characters that XML has, and short. */
function attribute(value: string): string {
  const short = value.slice(0, ATTRIBUTE_CHARACTERS).toWellFormed();
  return replaceForSqs(short) || 'unknown';
}
