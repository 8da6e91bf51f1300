import { parseMessage } from '../../lib/elements/messages.ts';
import { readGivenElement } from '../../lib/formats/given-elements.ts';
import { parseErrorsLine } from '../../lib/jobs/commit/errors-line.ts';
import { readObjectKey } from '../../lib/jobs/object-keys.ts';
import { readManifest } from '../../lib/jobs/sending/object-manifest.ts';
import { compareSequencers, decodeObjectKey, readS3Event } from '../../lib/jobs/sending/s3-events.ts';
import { parseJob } from '../../lib/jobs/job.ts';
import { explanationKey } from '../../lib/jobs/rejections.ts';
import { targetOfPointer } from '../../lib/models/model-pointer.ts';
import { inputOptions } from '../../test/formats/reading.ts';
import { memorySource } from '../../test/formats/sources.ts';
import { s3Event } from '../../test/jobs/intake/s3-event.ts';
import { below } from '../simulation/chance.ts';
import { hold } from '../violation.ts';
import { isOwnError, jsonOf, type Target, textSeeds } from './target.ts';

const head = { version: 1, pipeline: 'p' };
const source = { bucket: 'b', key: 'p/a.jsonl', etag: 'e', format: 'jsonl', range: { start: 0, end: 9 } };

const MESSAGES = textSeeds(
  { ...head, kind: 'bundle', job: 'j', bundle: 0, of: 1, source },
  { ...head, kind: 'objects', objects: [{ bucket: 'b', key: 'k', etag: 'e', sequencer: '0a' }] },
  {
    ...head,
    kind: 'elements',
    elements: [{ id: 'a', input: { x: [1, 2] } }],
    origin: { messageId: 'm-1', sentAtMillis: 1 },
  },
  { ...head, kind: 'redrive', job: 'j', bundle: 0, of: 1, select: { stage: 'map' } },
  { ...head, kind: 'finalize', job: 'j', until: 1, delaySecs: 5, parts: 2, redrive: true },
  { ...head, kind: 'intake', job: 'j', at: '.fabric/j/intake/plan-0-0.json' },
  { ...head, kind: 'claim', body: { bucket: 'b', key: 'k' } },
);

/** Messages, events and other JSON that processes exchange. */
export const MESSAGE_TARGETS: readonly Target[] = [
  { name: 'messages', seeds: MESSAGES, parse: (bytes) => parseMessage(bytes.toString()) },
  {
    name: 'elements of messages',
    seeds: textSeeds({ id: 'a', key: 'k', input: { n: 1 } }, { id: 7, input: 'x' }, [1], null, 'x'),
    parse: (bytes) => {
      const value = jsonOf(bytes);
      if (value !== undefined) readGivenElement(value, 0, inputOptions('jsonl', { maxElementBytes: 200 }));
    },
  },
  {
    name: 'S3 events',
    seeds: textSeeds(
      s3Event([{ bucket: 'b', key: 'p/a b+ü.jsonl', etag: 'e', versionId: 'v', sequencer: '00A1' }]),
      { Event: 's3:TestEvent' },
      { Records: [{ eventName: 'ObjectRemoved:Delete' }] },
    ),
    parse: (bytes) => readS3Event(bytes.toString()),
  },
  {
    name: 'object keys',
    seeds: textSeeds('p/a/b.jsonl', 'p/a%20b+c', 'p/../x', 'p/', 'p/_x', 'p/a\\b', `p/${'a'.repeat(1024)}`),
    parse: (bytes) => {
      const key = decodeObjectKey(bytes.toString()) ?? bytes.toString();
      const reading = readObjectKey(key, 1, ['p']);
      const isInside = reading.kind !== 'ok' || !reading.name.split('/').includes('..');
      hold(isInside, 'wrong value', `a key leads out of its folder: ${JSON.stringify(key)}`);
      hold(!explanationKey(key).split('/').includes('..'), 'wrong value', 'an explanation leads out of its folder');
      compareSequencers(bytes.toString('latin1'), '00A1');
    },
  },
  {
    name: 'manifests',
    seeds: textSeeds(
      [{ prefix: 's3://input/p/' }, 'a.png', 'b c.png'],
      ['s3://other/x.png', 'x.png', 7, null],
      'input,a%20b.png\ninput,c.png,v1\n',
      '"input","d.png"\n',
    ),
    parse: async (bytes, random) => {
      const chunk = 1 + below(40, random);
      const options = { bucket: 'input', inputBuckets: ['input'] };
      for await (const _ of readManifest(memorySource(bytes, chunk), random() < 0.5 ? 'json' : 'csv', options));
    },
  },
  {
    name: 'job records',
    seeds: textSeeds({ version: 1, id: 'a', of: 1, plan: { kind: 'object' } }, { id: '..', of: 1, plan: {} }),
    parse: (bytes) => parseJob(bytes.toString()),
  },
  {
    name: 'error lines',
    seeds: textSeeds({
      id: 'a',
      stage: 'map',
      error: { name: 'E', message: 'm' },
      attempts: 1,
      input: 1,
      source: { ordinal: 0 },
    }),
    parse: (bytes) => parseErrorsLine(bytes.toString()),
    isDocumented: (error) => error instanceof SyntaxError,
  },
  {
    name: 'model pointers',
    seeds: textSeeds(
      { modelUri: 'v7/model.onnx' },
      { modelUri: 's3://b/k.onnx' },
      { modelUri: 'file:///m.onnx' },
      { modelUri: '../m' },
    ),
    parse: (bytes, random) =>
      targetOfPointer(bytes.toString(), random() < 0.5 ? '/models/current.json' : 's3://b/m/current.json'),
    isDocumented: isOwnError,
  },
];
