import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { groupElements, startGrouping } from '../../../lib/formats/grouping/group-elements.ts';
import { bundleRange } from '../../../lib/formats/plan.ts';
import { planObject } from '../../../lib/formats/plan-object.ts';
import type { PipelineInput } from '../../../lib/config/pipeline.ts';
import type { Bundle, BundleSource } from '../../../lib/inference/bundle.ts';
import { readBundle } from '../../../lib/inference/worker/read-bundle.ts';
import type { WorkItem } from '../../../lib/inference/worker/work-item.ts';
import { collect, inputOptions } from '../../formats/reading.ts';
import { memorySource } from '../../formats/sources.ts';
import { memoryStaging } from '../../formats/staged-groups.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const { signal } = new AbortController();

function inputOf(fields: Partial<PipelineInput>): PipelineInput {
  return { ...inputOptions('jsonl'), ...fields };
}

function read(bundle: Pick<Bundle, 'name' | 'source'> & Partial<Bundle>, input: PipelineInput): Promise<WorkItem[]> {
  return collect(readBundle({ address: {}, ...bundle }, { input, signal, hasOutcomes: false }));
}

async function file(content: string, name = 'elements'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** The elements of a file of JSON lines that is called so. */
async function readLines(values: readonly unknown[], input: PipelineInput, name = 'a'): Promise<WorkItem[]> {
  const text = values.map((value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`).join('');
  const source = { kind: 'range', uri: await file(text), range: { start: 0, end: Buffer.byteLength(text) } } as const;
  return read({ name, source }, input);
}

function keys(items: readonly WorkItem[]): unknown[] {
  return items.map(({ key }) => key);
}

describe('the key of an element', () => {
  test('is its field, where that can be shown', async () => {
    const values = [{ k: 'a' }, { k: 7 }, { k: 1.5 }, { k: null }, {}, [1], 'no json'];
    expect(keys(await readLines(values, inputOf({ key: 'k' })))).toEqual(['a', '7', ...Array<undefined>(5)]);
  });

  test.each([
    [0, 'de'],
    [1, '2026'],
    [-1, 'claims.jsonl'],
    [-3, 'de'],
    [3, undefined],
    [-4, undefined],
  ])('is segment %i of what its object is called, also where the element is no element', async (segment, key) => {
    const items = await readLines([{ k: 'own' }, 'no json'], inputOf({ key: { segment } }), 'de/2026/claims.jsonl');
    expect(keys(items)).toEqual([key, key]);
    expect(items.map(({ failure }) => failure?.stage)).toEqual([undefined, 'read']);
  });

  test('is the segment for a whole range that is gone as well', async () => {
    const source = { kind: 'range', uri: '/nowhere/x', range: { start: 0, end: 4 } } as const;
    const items = await read({ name: 'fr/x', source }, inputOf({ key: { segment: 0 } }));
    expect(items.map(({ id, key, failure }) => [id, key, failure?.error.name])).toEqual([
      ['fr/x#0-4', 'fr', 'SourceGone'],
    ]);
  });

  test('is a segment of the path that each of several objects has, and none where there is no path', async () => {
    const objects = await Promise.all(['x', 'y'].map(async (text) => ({ uri: await file(text) })));
    const [one = { uri: '' }, other = { uri: '' }] = objects;
    const source: BundleSource = {
      kind: 'objects',
      objects: [{ ...one, path: 'de/x' }, { uri: '/nowhere/y', path: 'fr/y' }, { ...other, path: '//' }, other],
      firstIndex: 0,
    };
    const input = inputOf({ format: 'binary', key: { segment: 0 } });
    expect(keys(await read({ name: 'it/list', source }, input))).toEqual(['de', 'fr', undefined, undefined]);
  });

  test('is what a message says it is, else its field', async () => {
    const elements = [
      { id: 1, key: 'own', input: { k: 'field' } },
      { id: 2, input: { k: 'field' } },
      { id: 3, input: 7 },
    ];
    const message = { name: 'a/b', source: { kind: 'elements', elements } } as const;
    expect(keys(await read(message, inputOf({ key: 'k' })))).toEqual(['own', 'field', undefined]);
    expect(keys(await read(message, inputOf({ key: { segment: 0 } })))).toEqual(['own', undefined, undefined]);
  });
});

describe('the arguments of an element', () => {
  const input = inputOf({ inferenceArgs: 'args' });

  test('are the object in its field, whatever becomes of its value', async () => {
    const [one, none] = await readLines([{ args: { beams: 4, of: [1] } }, { args_: {} }], input);
    const { args } = (one?.value ?? {}) as { args: { beams: number; of: number[] } };
    args.beams = 5;
    args.of.push(2);
    expect(one?.inferenceArgs).toEqual({ beams: 4, of: [1] });
    expect(none?.inferenceArgs).toBeUndefined();
    expect(none?.failure).toBeUndefined();
  });

  test.each([
    [[1], 'a list'],
    ['text', 'a string'],
    [null, 'null'],
    [4, 'a number'],
  ])('can only be an object: %j fails the element alone', async (args, kind) => {
    const [before, wrong, after] = await readLines([{ args: {} }, { args, n: 1 }, { n: 2 }], input);
    expect(wrong?.failure).toEqual({
      stage: 'read',
      error: {
        name: 'InvalidInferenceArgs',
        message: `The element's arguments for runInference, its field 'args', must be an object: they are ${kind}`,
      },
    });
    expect(JSON.parse(wrong?.inputJson ?? '')).toEqual({ args, n: 1 });
    expect([before?.inferenceArgs, after?.inferenceArgs, after?.failure]).toEqual([{}, undefined, undefined]);
  });

  test('are read from the input of an element that came in a message', async () => {
    const elements = [{ id: 1, args: { no: 1 }, input: { args: { yes: 1 } } }];
    const [item] = await read({ name: 'm', source: { kind: 'elements', elements } }, input);
    expect(item?.inferenceArgs).toEqual({ yes: 1 });
  });
});

describe('a bundle of elements that were grouped by key', () => {
  const input = inputOf({ format: 'csv', id: 'id', key: 'k', bundleBytes: 100 });
  const rows = ['id,k', 'r1,b', 'r2,a', 'r3', '"r4",b', 'r5,a', 'r6,"c"'];

  async function grouped(): Promise<Bundle[]> {
    const source = memorySource(rows.join('\n'));
    const staging = memoryStaging();
    const step = await groupElements(startGrouping(await planObject(source, input)), {
      input,
      cohorts: [],
      keyOf: (row) => (row as { k: string }).k,
      openBundle: async () => source,
      staging,
      step: 'a',
    });
    if (step.kind !== 'grouped') throw new Error('it was stopped');
    const { plan } = step;
    return Promise.all(
      staging.bundles.map(async (bytes, bundle) => {
        const { start, end } = bundleRange(plan, bundle);
        const uri = await file('');
        await writeFile(uri, bytes);
        const staged = { kind: 'grouped', uri, range: { start, end }, header: ['id', 'k'] } as const;
        return { name: 'rows.csv', source: staged, address: {} };
      }),
    );
  }

  test('is not read where it is not as long as it was planned: elements would be missing, or be there twice', async () => {
    const [bundle] = await grouped();
    if (bundle?.source.kind !== 'grouped') throw new Error('there is one');
    const { uri, range } = bundle.source;
    await truncate(uri, 0);
    const message = `Cannot read the bundle: its staged bytes are 0, not the ${range.end} that were planned`;
    await expect(read(bundle, input)).rejects.toMatchObject({ code: 'STAGED_BUNDLE_DAMAGED', message });
  });

  test('has the elements of the object, with its positions, by key', async () => {
    const bundles = await grouped();
    expect(bundles.length).toBeGreaterThan(2);
    const items = (await Promise.all(bundles.map((bundle) => read(bundle, input)))).flat();
    expect(items.map(({ id, key, position }) => [id, key, position])).toEqual([
      ['r2', 'a', 10],
      ['r5', 'a', 25],
      ['r1', 'b', 5],
      ['r4', 'b', 18],
      ['r6', 'c', 30],
      ['rows.csv#15', undefined, 15],
    ]);
    expect(items.at(-1)?.failure?.error.name).toBe('ColumnCountMismatch');
    expect(items.at(-1)?.inputJson).toBe('"r3"');
    expect(items.map(({ ordinal }) => ordinal).filter((ordinal) => ordinal === 0)).toHaveLength(bundles.length);
  });

  test('goes on behind those that have their outcomes, and is one failure where it is gone', async () => {
    const [bundle] = await grouped();
    if (bundle?.source.kind !== 'grouped') throw new Error('there is no bundle');
    const all = await read(bundle, input);
    expect((await read({ ...bundle, skipElements: 1 }, input)).map(({ id }) => id)).toEqual(
      all.slice(1).map(({ id }) => id),
    );
    const gone = { ...bundle, source: { ...bundle.source, uri: '/nowhere/x' } };
    const { start, end } = bundle.source.range;
    expect((await read(gone, input)).map(({ id, failure }) => [id, failure?.error.name])).toEqual([
      [`rows.csv#${start}-${end}`, 'SourceGone'],
    ]);
    await expect(read({ ...gone, skipElements: 1 }, input)).rejects.toMatchObject({ code: 'SOURCE_GONE' });
  });
});
