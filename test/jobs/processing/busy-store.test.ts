import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FabricError } from '../../../lib/errors.ts';
import { inParallel } from '../../../lib/jobs/in-parallel.ts';
import { openS3ObjectStore } from '../../../lib/stores/s3-object-store.ts';
import { startTestAws, type TestAws } from '../../embedded-aws.ts';
import { random } from '../../../bench/random.ts';
import { type Fate, type FlakyProxy, startFlakyProxy } from '../../stores/flaky-proxy.ts';
import { deadlineOf, memoryObjectStore, type StoreCall } from '../memory-ports.ts';
import { benchOf, benchOn, type Engine, engines, jobOf, lettersIn, linesIn } from './processor-bench.ts';
import { scriptedEngine } from './scripted-engine.ts';

const engineOf = engines();

function slowDown(): FabricError {
  return new FabricError('STORE_THROTTLED', 'Cannot read s3://out/a: SlowDown', { disposition: 'throttle' });
}

describe('a store that asks for a slower pace', () => {
  test.each<StoreCall['operation']>(['head', 'get', 'put', 'copy'])(
    'costs a bundle neither a receive nor what is done, whatever %s it refuses',
    async (operation) => {
      const store = memoryObjectStore();
      const engine = scriptedEngine({ elements: 6, chunkElements: 2, fails: (ordinal) => ordinal === 1 });
      const { bundles, deadLetters, drain, telemetry } = benchOf(engine, { output: { store, bucket: 'out' } });
      const { messages, place } = await jobOf(store, [1, 2, 3, 4, 5, 6]);
      const next = random(7);
      store.faults.before = (call) => {
        if (call.operation === operation && next() < 0.5) throw slowDown();
      };
      await bundles.send(messages.map((message) => ({ body: JSON.stringify(message) })));
      // A failed message would have come again with one receive more.
      expect(await drain()).toEqual([]);
      expect(telemetry.counts).toMatchObject({ bundles_committed: 1, elements_succeeded: 5, elements_failed: 1 });
      expect(telemetry.counts.bundles_failed).toBeUndefined();
      expect(linesIn(store.text('out', place().part))).toHaveLength(5);
      expect(linesIn(store.text('out', place().errors))).toHaveLength(1);
      expect(lettersIn(deadLetters.sent).length).toBeGreaterThan(0);
    },
  );

  test('has a bundle go on behind the elements that were done when its source was refused, after a while', async () => {
    const store = memoryObjectStore();
    const scripted = scriptedEngine({ elements: 6, chunkElements: 2, fails: () => false });
    let refusals = 3;
    const engine: Engine = {
      ...scripted,
      process: (bundle, sink, options) => {
        if (refusals-- <= 0) return scripted.process(bundle, sink, options);
        const stop = new AbortController();
        const cut = {
          write: async (chunk: Parameters<typeof sink.write>[0]) => {
            await sink.write(chunk);
            stop.abort(new FabricError('SOURCE_UNREADABLE', 'SlowDown', { disposition: 'throttle' }));
          },
        };
        return scripted.process(bundle, cut, { ...options, signal: stop.signal });
      },
    };
    const { bundles, drain, telemetry } = benchOf(engine, { output: { store, bucket: 'out' } });
    const { messages, place } = await jobOf(store, [1, 2, 3, 4, 5, 6]);
    await bundles.send(messages.map((message) => ({ body: JSON.stringify(message) })));
    expect(await drain()).toEqual([]);
    expect(scripted.runs).toEqual([1, 1, 1, 1, 1, 1]);
    expect(linesIn(store.text('out', place().part))).toHaveLength(6);
    expect(telemetry.counts.bundles_handed_back).toBe(3);
    const delays = bundles.sent.map(({ delaySecs = 0 }) => delaySecs);
    expect(delays[0]).toBe(0);
    for (const [attempt, delay] of delays.slice(1).entries()) {
      expect(delay).toBeGreaterThanOrEqual(5 * 2 ** attempt);
      expect(delay).toBeLessThanOrEqual(10 * 2 ** attempt);
    }
  });
});

describe('objects of a store that refuses half of the requests', () => {
  const OBJECTS = 8;
  let aws: TestAws;
  let proxy: FlakyProxy;
  const network: { isBusy: boolean } = { isBusy: false };
  const next = random(11);
  const fate = (): Fate => (network.isBusy && next() < 0.5 ? { status: 503, code: 'SlowDown' } : 'pass');
  beforeAll(async () => {
    aws = await startTestAws();
    proxy = await startFlakyProxy(aws.endpoint, fate);
    vi.stubEnv('AWS_ENDPOINT_URL', proxy.endpoint);
    for (const bucket of ['input', 'out']) await aws.createBucket(bucket);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy[Symbol.asyncDispose]();
    await aws[Symbol.asyncDispose]();
  });

  test('all succeed, at no cost of a receive', async () => {
    const names = Array.from({ length: OBJECTS }, (_, index) => `o-${index}.bin`);
    const objects = await inParallel(names, 32, async (name) => {
      const address = { bucket: 'input', key: `bytes/${name}` };
      return { ...address, etag: (await aws.store.put(address, 'x'.repeat(5)))?.etag ?? '' };
    });
    using store = openS3ObjectStore({ endpoint: proxy.endpoint });
    const engine = await engineOf('bytes');
    const { bundles, drain, telemetry } = benchOn({ store, engine, pipelineName: 'bytes', inputBuckets: ['input'] });
    network.isBusy = true;
    await bundles.send([{ body: JSON.stringify({ version: 1, kind: 'objects', pipeline: 'bytes', objects }) }]);
    expect(await drain(undefined, () => deadlineOf())).toEqual([]);
    network.isBusy = false;
    expect(telemetry.counts).toMatchObject({ elements_succeeded: OBJECTS });
    expect(telemetry.counts.elements_failed).toBeUndefined();
    expect(telemetry.counts.bundles_failed).toBeUndefined();
  });
});
