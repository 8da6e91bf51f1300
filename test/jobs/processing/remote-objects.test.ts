import { expect, test } from 'vitest';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { startTestAws } from '../../embedded-aws.ts';
import { startAnsweringServer } from '../../inference/answering-server.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { benchOn } from './processor-bench.ts';
import type { ObjectStore } from '../../../lib/stores/object-store.ts';

const configUrl = new URL('../../inference/fixtures/remote.config.ts', import.meta.url);
const pipelineName = 'objects';

/** A store in which answers to some objects can't be put, once for each. */
function failingOnce(store: ObjectStore, keys: Set<string>): ObjectStore {
  return {
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    list: (...args) => store.list(...args),
    copy: (...args) => store.copy(...args),
    delete: (...args) => store.delete(...args),
    async put(...args) {
      if (keys.delete(args[0].key)) throw unavailable();
      return store.put(...args);
    },
  };
}

test('objects of no job whose answers could not be put are not asked for again, though others have theirs by then', async () => {
  await using aws = await startTestAws();
  await using server = await startAnsweringServer();
  process.env['DOUBLER_URL'] = server.url;
  for (const bucket of ['input', 'out']) await aws.createBucket(bucket);
  const objects = await Promise.all(
    // Two of them say the same, and are two elements all the same.
    [1, 7, 3, 7].map(async (n, index) => {
      const address = { bucket: 'input', key: `objects/${index}` };
      const { etag = '' } = (await aws.store.put(address, String(n))) ?? {};
      return { bucket: 'input', key: address.key, etag };
    }),
  );
  await using engine = await InferenceEngine.start({ configUrl, pipeline: pipelineName, workers: 1 });
  const broken = new Set(['objects/1.json', 'objects/3.json']);
  const store = failingOnce(aws.store, broken);
  const bench = benchOn({ store, engine, pipelineName, inputBuckets: ['input'] });
  const message = { version: 1, kind: 'objects', pipeline: pipelineName, objects };
  const first = await bench.deliver(message);
  await expect(bench.processor.process(first, deadlineOf())).rejects.toThrow('unavailable');
  expect(await bench.drain()).toEqual([]);
  for (const [index, n] of [1, 7, 3, 7].entries()) {
    const answer = await aws.store.get({ bucket: 'out', key: `objects/${index}.json` });
    const chunks = await Array.fromAsync(answer?.chunks ?? []);
    expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ prediction: n * 2 });
  }
  expect(server.requests.flat().toSorted((one, other) => one - other)).toEqual([1, 3, 7, 7]);
  delete process.env['DOUBLER_URL'];
});
