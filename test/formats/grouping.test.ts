import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReadElement } from '../../lib/formats/format.ts';
import type { ElementsFormatName } from '../../lib/formats/registry.ts';
import { groupElements, startGrouping } from '../../lib/formats/grouping/group-elements.ts';
import { rankKeys } from '../../lib/formats/grouping/rank-keys.ts';
import { bundleRange } from '../../lib/formats/plan.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import type { ByteSource } from '../../lib/stores/byte-source.ts';
import { shiftedSource } from '../../lib/stores/shifted-source.ts';
import { inputOptions, readAll } from './reading.ts';
import { memorySource, syntheticSource } from './sources.ts';
import { memoryStaging, readStaged } from './staged-groups.ts';
import { BOUNDS, COHORTS, group, keyOf } from './group-source.ts';

/** The elements by cohort, key and place in the input. */
function sorted(elements: readonly ReadElement[]): ReadElement[] {
  const rankOf = rankKeys(COHORTS);
  const keyed = elements.map((element) => {
    const key = element.failure === undefined ? keyOf(element.input) : undefined;
    return { element, key: key ?? '', rank: rankOf(key) };
  });
  keyed.sort((one, other) => one.rank - other.rank || Number(one.key > other.key) - Number(one.key < other.key));
  return keyed.map(({ element }) => element);
}

const key = fc.oneof(fc.constantFrom('a', 'b', 'z', 'ü', ''), fc.string({ maxLength: 2, unit: 'binary' }));
const value = fc.oneof(fc.string({ maxLength: 12, unit: 'binary' }), fc.constantFrom('long '.repeat(30)));
const keyed = fc.record({ k: key, v: value }, { requiredKeys: [] });
const wrong = fc.constantFrom('{"k":"b"', 'nonsense', `"${'y'.repeat(400)}"`, '\u{1F600}', '');
const json = fc.oneof({ weight: 4, arbitrary: keyed.map((one) => JSON.stringify(one)) }, wrong);
const cell = fc.oneof(fc.constantFrom('b', 'z', 'ü', '"a\nb"', '"a""b"', '"', '"open\n', 'x'.repeat(300)), key);

const contents: Readonly<Record<Exclude<ElementsFormatName, 'parquet'>, fc.Arbitrary<string>>> = {
  jsonl: fc.array(json, { maxLength: 40 }).map((lines) => `${lines.join('\n')}\n`),
  json: fc.array(json, { maxLength: 40 }).map((elements) => `[${elements.join(',')}]`),
  text: fc.array(fc.oneof(value, key), { maxLength: 40 }).map((lines) => lines.join('\r\n')),
  csv: fc
    .array(fc.array(cell, { minLength: 1, maxLength: 3 }), { maxLength: 40 })
    .map((rows) => ['k,__proto__', ...rows.map((row) => row.join(','))].join('\n')),
  tsv: fc
    .array(fc.tuple(cell, cell), { maxLength: 40 })
    .map((rows) => ['1\tk', ...rows.map((row) => row.join('\t'))].join('\n')),
};

describe('groupElements', () => {
  test.each(Object.entries(contents))(
    'gives the elements of %s as they would be read, by key, wherever it is stopped',
    async (name, content) => {
      const format = name as ElementsFormatName;
      const seen = { stopped: 0, merges: 0, failed: 0 };
      await fc.assert(
        fc.asyncProperty(
          content,
          fc.integer({ min: 1, max: 400 }),
          fc.array(fc.nat(25), { maxLength: 8 }),
          fc.integer({ min: 1, max: 60 }),
          async (text, bundleBytes, stops, readBytes) => {
            const input = inputOptions(format, { bundleBytes, maxElementBytes: 290 });
            const source = memorySource(text, 64);
            const bounds = { ...BOUNDS, readBytes };
            const { plan, staging, steps } = await group(source, input, { bounds, stops });
            const elements = await readAll(text, format, input);
            const bundles = await readStaged(staging, plan, input, readBytes);
            expect(bundles.flat()).toStrictEqual(sorted(elements));
            expect(bundles.every((bundle) => bundle.length > 0)).toBe(true);

            const whole = await group(source, input);
            expect(plan).toEqual(whole.plan);
            expect(staging.bundles.map(String)).toEqual(whole.staging.bundles.map(String));
            seen.stopped += steps - 1;
            seen.merges += [...staging.pieces.keys()].filter((piece) => /^\w+-[1-9]/.test(piece)).length;
            seen.failed += elements.filter(({ failure }) => failure !== undefined).length;
          },
        ),
        { numRuns: 60 },
      );
      expect(seen.stopped).toBeGreaterThan(20);
      expect(seen.merges).toBeGreaterThan(20);
      if (format !== 'text') expect(seen.failed).toBeGreaterThan(20);
    },
  );

  test('mixes nothing where another version of the code sorts the same elements otherwise, from the same state on', async () => {
    const input = inputOptions('jsonl', { bundleBytes: 300 });
    const text = Array.from({ length: 80 }, (_, n) => `${JSON.stringify({ k: `k${(n * 7) % 11}`, n })}\n`).join('');
    const source = memorySource(text, 64);
    const whole = await group(source, input);
    const staging = memoryStaging();
    const { state } = await group(source, input, { staging, stops: [18], maxSteps: 1 });
    expect(state).toMatchObject({ phase: 'sort', written: expect.any(Number) });
    expect(state?.written).toBeGreaterThan(0);
    // Both take the same message: one is killed while it merges, the other comes to the end, and then the first is taken again.
    const old = { ...BOUNDS, runBytes: 400 };
    const killed = await group(source, input, {
      staging,
      from: state,
      name: 'old',
      bounds: old,
      stops: [70],
      maxSteps: 1,
    });
    expect(killed.state?.phase).toBe('merge');
    for (const [name, from, bounds] of [
      ['new', state, BOUNDS],
      ['again', state, old],
      ['handedOn', killed.state, old],
    ] as const) {
      const { plan } = await group(source, input, { staging, from, name, bounds });
      expect(plan).toEqual(whole.plan);
    }
    expect(staging.bundles.map(String)).toEqual(whole.staging.bundles.map(String));
  });

  test('sorts very long keys by their start: elements are neither lost nor held by them', async () => {
    const [longA, longB] = ['a', 'b'].map((end) => `${'x'.repeat(1000)}${end}`) as [string, string];
    const keys = [longB, 'y', longA, 'x', longB, longA];
    const text = keys.map((k, n) => `${JSON.stringify({ k, n })}\n`).join('');
    const input = inputOptions('jsonl', { bundleBytes: 1_000_000 });
    const { plan, staging } = await group(memorySource(text), input, { cohorts: [[longB]] });
    const elements = (await readStaged(staging, plan, input)).flat();
    expect(elements.map((element) => (element.input as { n: number }).n)).toEqual([0, 2, 4, 5, 3, 1]);
    expect(elements.map(({ input: element }) => keyOf(element))).toContain(longA);
  });

  test('tells how far it has come, to the end', async () => {
    const text = Array.from({ length: 80 }, (_, n) => `${JSON.stringify({ k: `k${n % 3}`, n })}\n`).join('');
    const { shares } = await group(memorySource(text, 64), inputOptions('jsonl', { bundleBytes: 300 }));
    expect(shares.length).toBeGreaterThan(5);
    expect(shares).toEqual(shares.toSorted((one, other) => one - other));
    expect([shares[0], shares.at(-1)]).toEqual([expect.closeTo(0.1, 0), 1]);
  });

  test('packs whole keys together up to bundleBytes, and spreads a larger key over bundles that follow each other', async () => {
    const input = inputOptions('jsonl', { bundleBytes: 400 });
    const counts = { a: 3, b: 3, c: 20, d: 1, e: 9 };
    const keys = Object.entries(counts).flatMap(([k, count]) => Array<string>(count).fill(k));
    // Far apart in the input: every second one from the front, the others from the back.
    const mixed = keys.map((_, place) => (place % 2 === 0 ? keys[place / 2] : keys.at(-(place + 1) / 2)) ?? '');
    const text = mixed.map((k, n) => `${JSON.stringify({ k, n })}\n`).join('');
    const { plan, staging } = await group(memorySource(text), input, { cohorts: [] });
    const bundles = (await readStaged(staging, plan, input)).map((bundle) =>
      bundle.map(({ input: element }) => keyOf(element)).join(''),
    );
    expect(bundles).toEqual(['aaabbb', 'ccccccccccc', 'cccccccccd', 'eeeeeeeee']);
    expect(plan.starts).toHaveLength(4);
    for (let bundle = 0; bundle < 4; bundle += 1) {
      const { start, end } = bundleRange(plan, bundle);
      expect(end - start).toBe(staging.bundles[bundle]?.length);
    }
  });

  test('reads what was decompressed from where it is staged', async () => {
    const text = Array.from({ length: 50 }, (_, n) => `${JSON.stringify({ k: `k${n % 7}`, n })}\n`).join('');
    const input = inputOptions('jsonl', { bundleBytes: 128 });
    const chunks: Uint8Array[] = [];
    const stage = async (index: number, bytes: Uint8Array): Promise<void> => void (chunks[index] = bytes);
    const unsorted = await planObject(memorySource(gzipSync(text)), input, { compression: 'gzip', stage, limit: 30 });
    const staging = memoryStaging();
    const openBundle = async (bundle: number): Promise<ByteSource> =>
      shiftedSource(memorySource(chunks[bundle] ?? ''), bundleRange(unsorted, bundle).start);
    const step = await groupElements(startGrouping(unsorted), {
      input,
      keyOf,
      cohorts: [],
      openBundle,
      staging,
      step: 'a',
    });
    if (step.kind !== 'grouped') throw new Error('it was not stopped');
    const elements = (await readAll(text, 'jsonl')).slice(0, 30);
    expect((await readStaged(staging, step.plan, input)).flat()).toStrictEqual(sorted(elements));
  });

  test('makes no bundle of an object without elements', async () => {
    const { plan, staging } = await group(memorySource('\n\n'), inputOptions('jsonl'));
    expect([plan, staging.pieces.size]).toEqual([{ kind: 'grouped', byteLength: 0, starts: [] }, 0]);
  });

  test('takes bounded memory for 100,000 keys', async () => {
    const bounds = { runBytes: 512 * 1024, runsMergedAtOnce: 8, readBytes: 8 * 1024 };
    const bundleBytes = 64 * 1024;
    const lineBytes = 40;
    const keys = 100_000;
    const lines = 1.2 * keys;
    // A line from its place, by a generator that visits each key once before it visits one again.
    const line = (n: number): string => `${JSON.stringify({ k: `k${(n * 48_271) % keys}`, n }).padEnd(39)}\n`;
    const source = syntheticSource(
      lines * lineBytes,
      (start, end) => {
        const first = Math.floor(start / lineBytes);
        const some = Array.from({ length: Math.ceil(end / lineBytes) - first }, (_, index) => line(first + index));
        return Buffer.from(some.join('')).subarray(start - first * lineBytes, end - first * lineBytes);
      },
      16 * 1024,
    );
    const staging = memoryStaging();
    let held = 0;
    let peak = 0;
    const count = (bytes: number): void => {
      // A run has more bytes than its lines: what was read is no more than nothing.
      held = Math.max(0, held + bytes);
      peak = Math.max(peak, held);
    };
    staging.onBytes = count;
    const counted: ByteSource = {
      byteLength: source.byteLength,
      async *read(range, options) {
        for await (const chunk of source.read(range, options)) {
          count(chunk.length);
          yield chunk;
        }
      },
    };
    const input = inputOptions('jsonl', { bundleBytes });
    const { plan } = await group(counted, input, { bounds, staging, cohorts: [] });
    expect(plan.byteLength).toBeGreaterThan(source.byteLength);
    expect(peak).toBeLessThan(bounds.runBytes + 2 * bounds.readBytes * bounds.runsMergedAtOnce + 2 * bundleBytes);

    let last = '';
    const seen = new Set<string>();
    for (const { input: element } of (await readStaged(staging, plan, input)).flat()) {
      const { k } = element as { k: string };
      if (k !== last) {
        expect(seen.has(k)).toBe(false);
        seen.add(k);
      }
      last = k;
    }
    expect(seen.size).toBe(keys);
  });
});
