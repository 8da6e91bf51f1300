import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { PipelineInput } from '../../../lib/config/pipeline.ts';
import type { BundleMessage } from '../../../lib/elements/messages.ts';
import type { ReadElement } from '../../../lib/formats/format.ts';
import { readGrouped } from '../../../lib/formats/grouping/read-grouped.ts';
import { bundleRange, type GroupedPlan } from '../../../lib/formats/plan.ts';
import type { PipelineFacts } from '../../../lib/jobs/fabric-ports.ts';
import type { Intake } from '../../../lib/jobs/intake/intake.ts';
import { type JobPlan, storedBundleOf } from '../../../lib/jobs/job.ts';
import { chunkKey } from '../../../lib/jobs/output-layout.ts';
import { collect, inputOptions, readAll } from '../../formats/reading.ts';
import { memorySource } from '../../formats/sources.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { factsOf, intakeUnderTest, type IntakeUnderTest } from './intake-under-test.ts';
import { received, s3Event } from './s3-event.ts';

const BOUNDS = { runBytes: 2000, runsMergedAtOnce: 4, readBytes: 256 };
const COHORTS = [['k3', 'k5'], ['k1']];

function grouped(format: PipelineInput['format'], fields: Partial<PipelineInput> = {}): PipelineFacts {
  const input = { ...inputOptions(format, { bundleBytes: 600 }), key: 'k', groupByKey: true, ...fields };
  return { ...factsOf(format), input, cohorts: COHORTS };
}

const pipelines = { jsonl: grouped('jsonl'), csv: grouped('csv'), json: grouped('json') };

function opened(under: IntakeUnderTest, changes: Partial<Record<string, PipelineFacts>> = {}): Intake {
  return under.open({ pipelines: { ...pipelines, ...changes }, groupingBounds: BOUNDS });
}

const NUMBERS = Array.from({ length: 300 }, (_, n) => n);
const JSONL = NUMBERS.map((n) => (n % 50 === 7 ? 'no json\n' : `${JSON.stringify({ k: `k${n % 11}`, n })}\n`)).join('');
const CSV = `k,n\n${NUMBERS.map((n) => `k${n % 11},"a\n${n}"\n`).join('')}`;
const JSON_ARRAY = JSON.stringify(NUMBERS.map((n) => ({ k: `k${n % 11}`, n })));

async function bundlesOf({ store, job }: IntakeUnderTest, folder: string): Promise<ReadElement[][]> {
  const recorded = job(folder);
  const { of, plan } = recorded;
  expect(plan).toMatchObject({ kind: 'object', chunked: true, object: { kind: 'grouped' } });
  const { object } = plan as { object: GroupedPlan };
  const { input } = pipelines[folder.split('/')[0] as keyof typeof pipelines];
  return Promise.all(
    Array.from({ length: of }, async (_, bundle) => {
      const chunk = await store.get({ bucket: 'out', key: chunkKey(recorded, bundle, stagedOf(plan)) });
      const bytes = Buffer.concat(await Array.fromAsync(chunk?.chunks ?? []));
      const { start, end, header } = bundleRange(object, bundle);
      return collect(readGrouped({ source: memorySource(bytes), range: { start, end }, header, input }));
    }),
  );
}

/** What the chunks of a grouped object are called. */
function stagedOf(plan: JobPlan): string | undefined {
  return plan.kind === 'object' ? plan.staged : undefined;
}

function keyOf({ input }: ReadElement): string | undefined {
  return (input as { readonly k: string } | undefined)?.k;
}

/** The keys in the order of their elements, each as often as it comes anew. */
function keyRuns(elements: readonly ReadElement[]): readonly (string | undefined)[] {
  const keys = elements.map(keyOf);
  return keys.filter((key, place) => place === 0 || key !== keys[place - 1]);
}

const BY_COHORT = ['k3', 'k5', 'k1', 'k0', 'k10', 'k2', 'k4', 'k6', 'k7', 'k8', 'k9'];

describe('Intake of a pipeline that groups by key', () => {
  test('stages bundles by cohort and key, and records them before it sends the first', async () => {
    const under = intakeUnderTest();
    const { put, job, bundles, store, queues } = under;
    const object = await put('jsonl/a.jsonl', JSONL);
    const seen: (string | undefined)[] = [];
    queues.bundles.faults.before = () => void seen.push(store.text('out', 'jsonl/a.jsonl/_job.json'));
    expect(await opened(under).handle([received(s3Event([object]))], deadlineOf())).toEqual([]);
    expect(seen[0]).toBeDefined();

    const read = await bundlesOf(under, 'jsonl/a.jsonl');
    expect(keyRuns(read.flat())).toEqual([...BY_COHORT, undefined]);
    const elements = await readAll(JSONL, 'jsonl');
    const byPosition = read.flat().toSorted((one, other) => one.position - other.position);
    expect(byPosition).toStrictEqual(elements);

    const recorded = job('jsonl/a.jsonl');
    const { of, plan } = recorded;
    expect(bundles()).toHaveLength(of);
    expect(of).toBeGreaterThan(10);
    for (const [bundle, message] of bundles().entries()) {
      const { range } = (message as BundleMessage).source;
      expect(range.end - range.start).toBe(
        (await store.head({ bucket: 'out', key: chunkKey(recorded, bundle, stagedOf(plan)) }))?.byteLength,
      );
    }
    expect(storedBundleOf(job('jsonl/a.jsonl'), 0, { outputBucket: 'out' })).toMatchObject({
      name: 'a.jsonl',
      source: { kind: 'grouped', uri: `s3://out/${chunkKey(recorded, 0, stagedOf(plan))}` },
      address: { bucket: 'in', key: 'jsonl/a.jsonl', etag: object.etag, range: { start: 0 } },
    });
  });

  test.each([
    ['jsonl/a.jsonl', JSONL, 180],
    ['csv/a.csv', CSV, 180],
    ['json/a.json', JSON_ARRAY, 300],
  ])('goes on in further runs, and stages what one run would: %s', async (key, content, chunksPerRun) => {
    const once = intakeUnderTest();
    await opened(once).handle([received(s3Event([await once.put(key, content)]))], deadlineOf());
    const under = intakeUnderTest();
    const intake = opened(under);
    const object = await under.put(key, content);
    const controller = new AbortController();
    controller.abort();
    expect(await intake.handle([received(s3Event([object]))], deadlineOf(controller))).toEqual([]);
    expect(await under.goOn({ intake, chunksPerRun })).toBeGreaterThan(3);
    expect(under.rejection(key)).toBeNull();
    const { plan, ...job } = once.job(key);
    expect(under.job(key)).toEqual({ ...job, plan: { ...plan, staged: expect.stringMatching(/^\w{8}$/) } });
    expect(await bundlesOf(under, key)).toStrictEqual(await bundlesOf(once, key));
    expect(under.bundles()).toEqual(once.bundles());
    expect(keyRuns((await bundlesOf(under, key)).flat()).slice(0, 11)).toEqual(BY_COHORT);
  });

  test('goes on with the options and cohorts it began with, whatever is deployed in between', async () => {
    const once = intakeUnderTest();
    await opened(once).handle([received(s3Event([await once.put('jsonl/a', JSONL)]))], deadlineOf());
    const under = intakeUnderTest();
    const object = await under.put('jsonl/a', JSONL);
    const controller = new AbortController();
    controller.abort();
    await opened(under).handle([received(s3Event([object]))], deadlineOf(controller));
    const { cohorts: _, ...without } = grouped('jsonl', { groupByKey: false, bundleBytes: 50 });
    await under.goOn({ intake: opened(under, { jsonl: without }), chunksPerRun: 180 });
    expect(await bundlesOf(under, 'jsonl/a')).toStrictEqual(await bundlesOf(once, 'jsonl/a'));
  });

  test('needs the object no more once it has been sorted', async () => {
    const under = intakeUnderTest();
    const intake = opened(under);
    const object = await under.put('jsonl/a', JSONL);
    const isSorted = (): boolean => under.store.keys('out').some((key) => key.includes('/chunks/'));
    const controller = new AbortController();
    under.store.faults.after = () => {
      if (isSorted()) controller.abort();
    };
    await intake.handle([received(s3Event([object]))], deadlineOf(controller));
    under.store.faults.after = undefined;
    expect(under.bundles()).toEqual([]);
    await under.store.delete({ bucket: 'in', key: 'jsonl/a' });
    await under.goOn({ intake });
    expect(under.rejection('jsonl/a')).toBeNull();
    const { of } = under.job('jsonl/a');
    expect((await bundlesOf(under, 'jsonl/a')).flat()).toHaveLength(300);
    expect(under.bundles()).toHaveLength(of);
  });

  test('decompresses an object first, and reads it from there', async () => {
    const plain = intakeUnderTest();
    await opened(plain).handle([received(s3Event([await plain.put('csv/a.csv', CSV)]))], deadlineOf());
    const under = intakeUnderTest();
    const intake = opened(under);
    const object = await under.put('csv/a.csv.gz', gzipSync(CSV));
    const controller = new AbortController();
    under.store.faults.before = ({ operation, key }) => {
      if (operation === 'get' && key.includes('/unsorted/')) controller.abort();
    };
    await intake.handle([received(s3Event([object]))], deadlineOf(controller));
    under.store.faults.before = undefined;
    expect(await under.goOn({ intake, chunksPerRun: 180 })).toBeGreaterThan(2);
    expect(await bundlesOf(under, 'csv/a.csv.gz')).toStrictEqual(await bundlesOf(plain, 'csv/a.csv'));
  });

  test('loses nothing where a run dies at any of its calls', async () => {
    const content = JSONL.slice(0, 2800);
    let whole: ReadElement[][] | undefined;
    for (let calls = 0, dies = true; dies; calls += 3) {
      const under = intakeUnderTest();
      const { put, store, queues, job, bundles } = under;
      const intake = opened(under);
      const object = await put('jsonl/a', content);
      let left = calls;
      const die = (): void => {
        left -= 1;
        if (left < 0) throw unavailable();
      };
      for (const port of [store, queues.finalizer, queues.bundles]) port.faults.before = die;
      dies = (await intake.handle([received(s3Event([object]))], deadlineOf())).length > 0;
      for (const port of [store, queues.finalizer, queues.bundles]) port.faults.before = undefined;
      if (dies) expect(await intake.handle([received(s3Event([object]))], deadlineOf())).toEqual([]);
      const read = await bundlesOf(under, 'jsonl/a');
      whole ??= read;
      expect(read).toStrictEqual(whole);
      expect(new Set(bundles().map((message) => (message as BundleMessage).bundle)).size).toBe(job('jsonl/a').of);
    }
    expect(whole?.flat()).toStrictEqual(
      (await readAll(content, 'jsonl')).toSorted(
        (one, other) =>
          BY_COHORT.concat('').indexOf(keyOf(one) ?? '') - BY_COHORT.concat('').indexOf(keyOf(other) ?? ''),
      ),
    );
  });

  test('mixes nothing where several take an object, of versions of the code that sort otherwise', async () => {
    const once = intakeUnderTest();
    await opened(once).handle([received(s3Event([await once.put('jsonl/a', JSONL)]))], deadlineOf());
    const under = intakeUnderTest();
    const event = [received(s3Event([await under.put('jsonl/a', JSONL)]))];
    const others = [300, 900, 2000, 4000].map((runBytes) =>
      under.open({ pipelines, groupingBounds: { ...BOUNDS, runBytes } }),
    );
    // Each is stopped somewhere and handed on, to whoever comes.
    for (const [place, intake] of others.entries()) {
      const controller = new AbortController();
      let left = 60 + 80 * place;
      under.store.faults.chunk = () => {
        left -= 1;
        if (left < 0) controller.abort();
      };
      expect(await intake.handle(event, deadlineOf(controller))).toEqual([]);
    }
    under.store.faults.chunk = undefined;
    const handedOn = await under.queues.intake.receive({ maxMessages: 10, waitSecs: 0 });
    expect(handedOn).toHaveLength(others.length);
    for (const [place, message] of handedOn.entries()) {
      expect(await others.at(place - 1)?.handle([message], deadlineOf())).toEqual([]);
    }
    expect(await bundlesOf(under, 'jsonl/a')).toStrictEqual(await bundlesOf(once, 'jsonl/a'));
  });

  test('groups two objects at a time, whatever comes with them', async () => {
    const under = intakeUnderTest();
    const plain = { ...factsOf('jsonl'), input: inputOptions('jsonl') };
    const names = ['a', 'b', 'c', 'd', 'e'];
    const objects = await Promise.all(names.map((name) => under.put(`jsonl/${name}`, JSONL)));
    const csv = await Promise.all(names.map((name) => under.put(`csv/${name}`, CSV)));
    const grouping = new Set<string>();
    let most = 0;
    under.store.faults.before = ({ bucket, operation, key }) => {
      const [, job = '', what] = /^\.fabric\/[^/]*\/([^/]*)\/([^/]*)/.exec(key) ?? [];
      if (bucket === 'out' && operation === 'put' && what === 'runs') grouping.add(job);
      if (operation === 'put' && what === 'folder.json') grouping.delete(job);
      most = Math.max(most, grouping.size);
    };
    expect(await opened(under, { csv: plain }).handle([received(s3Event([...objects, ...csv]))], deadlineOf())).toEqual(
      [],
    );
    expect(most).toBe(2);
    for (const name of names) expect(under.job(`jsonl/${name}`).of).toBeGreaterThan(10);
  });

  test('reads only the first bytes where the key is a part of the object key: all elements have the same', async () => {
    const under = intakeUnderTest();
    const { store, put, job } = under;
    const object = await put('jsonl/de/a.jsonl', JSONL);
    const calls = store.calls.length;
    const intake = opened(under, { jsonl: grouped('jsonl', { key: { segment: 0 } }) });
    await intake.handle([received(s3Event([object]))], deadlineOf());
    expect(job('jsonl/de/a.jsonl').plan).toMatchObject({ chunked: false, object: { kind: 'ranges' } });
    const gets = store.calls.slice(calls).filter(({ bucket, operation }) => bucket === 'in' && operation === 'get');
    expect(gets).toHaveLength(1);
  });

  test('makes a job without bundles of an empty object', async () => {
    const under = intakeUnderTest();
    await opened(under).handle([received(s3Event([await under.put('csv/a.csv', '')]))], deadlineOf());
    expect(under.job('csv/a.csv')).toMatchObject({ of: 0, plan: { object: { kind: 'grouped' } } });
  });
});
