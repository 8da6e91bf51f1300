import { wrapped } from '../../cli/format/text.ts';
import { Batcher } from '../../lib/batching/batcher.ts';
import { placeOf } from '../../lib/code-place.ts';
import { parseMessage } from '../../lib/elements/messages.ts';
import { toJson } from '../../lib/inference/worker/json.ts';
import { readLines } from '../../lib/formats/parts/read-lines.ts';
import { type ManifestKind, readManifest } from '../../lib/jobs/sending/object-manifest.ts';
import { readObjectKey } from '../../lib/jobs/object-keys.ts';
import { readS3Event } from '../../lib/jobs/sending/s3-events.ts';
import { rejectedKey } from '../../lib/jobs/output-layout.ts';
import { FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import { parseS3Uri } from '../../lib/stores/open-source.ts';
import { memorySource } from '../formats/sources.ts';
import { repeated, worstCase, type WorstCase } from './growth.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Characters of a message that are compared with those of others. */
const MESSAGE_CHARACTERS = 4000;

function manifest(kind: ManifestKind) {
  return async (text: string) => {
    const options = { bucket: 'in', inputBuckets: ['in'] };
    for await (const _ of readManifest(memorySource(text), kind, options));
  };
}

async function lines(chunks: readonly Uint8Array[]): Promise<void> {
  for await (const _ of readLines(chunks));
}

/** Failures of many elements, whose messages differ. */
function messages(text: string) {
  return (n: number) =>
    Array.from({ length: n / MESSAGE_CHARACTERS }, (_, index) => index + repeated(text, MESSAGE_CHARACTERS));
}

function group(all: readonly string[]): void {
  const groups = new FailureGroups();
  for (const message of all) groups.add({ id: 'a', stage: 'map', error: { name: 'Error', message } });
}

function stackOf(text: string, end = '') {
  return (n: number) => Object.assign(new Error('x'), { stack: `Error: x${repeated(text, n)}${end}` });
}

/** Batches elements none of which shares a batch with another, up to the limit on their number. */
function batchApart(elements: number): void {
  const batcher = new Batcher<number>({ maxLagElements: 16_384, maxLagBytes: Infinity });
  const policy = { maxBatchSize: 10, maxBatchBytes: Infinity, maxBatchWeight: Infinity };
  batcher.openLane(0, { policy, targetSize: () => 10 });
  for (let index = 0; index < elements; index += 1) batcher.add(index, { key: `shape ${index}`, bytes: 1, weight: 1 });
  batcher.flush();
}

export const JOBS: readonly WorstCase[] = [
  worstCase('lines of errors', 256 * KIB, (n) => [Buffer.from(repeated('\n', n))], lines),
  worstCase(
    'a line of errors in tiny chunks',
    32 * KIB,
    (n) => Array.from({ length: n }, () => Buffer.from('a')),
    lines,
  ),
  worstCase('failures with open quotes', 64 * KIB, messages('\\"'), group),
  worstCase('failures with letters and hyphens', 64 * KIB, messages('a-'), group),
  worstCase('failures with apostrophes', 64 * KIB, messages("'`"), group),
  worstCase('a stack of frames', 512 * KIB, stackOf('\n    at :1:1'), placeOf),
  worstCase('a stack with one long frame', 2 * MIB, stackOf(':1', 'x'), (error) => placeOf(error)),
  worstCase('a manifest of commas', 32 * KIB, (n) => `[${repeated(',', n)}]`, manifest('json')),
  worstCase('a manifest line of quotes', 128 * KIB, (n) => repeated('in,"a""b"\n', n), manifest('csv')),
  worstCase('an event of keys', 256 * KIB, (n) => `{"Records":[${repeated('{"eventName":"x"},', n)}{}]}`, readS3Event),
  worstCase('a message of elements', 256 * KIB, (n) => elementsMessage(n), parseMessage),
  worstCase(
    'an object key of slashes',
    64 * KIB,
    (n) => `csv/${repeated('/', n)}`,
    (key) => {
      readObjectKey(key, 1, ['csv']);
      rejectedKey(key);
      parseS3Uri(`s3://${key}`);
    },
  ),
  worstCase('a prediction of integers', 256 * KIB, (n) => Array.from({ length: n / 16 }, () => 2n ** 63n), toJson),
  worstCase('elements that share no batch', 12 * KIB, (n) => n, batchApart),
  worstCase(
    'a message that is wrapped',
    128 * KIB,
    (n) => repeated('a ', n),
    (text) => wrapped(text, 80),
  ),
];

function elementsMessage(n: number): string {
  return `{"version":1,"kind":"elements","pipeline":"p","elements":[${repeated('{"id":1,"input":1},', n)}1]}`;
}
