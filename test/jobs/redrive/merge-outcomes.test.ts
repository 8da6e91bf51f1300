import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeOutcomes, type MergeInput } from '../../../lib/jobs/redrive/merge-outcomes.ts';
import { readLines } from '../../../lib/formats/parts/read-lines.ts';

/** How an element ended: where it failed, or undefined. */
type End = string | undefined;

const text = fc.string({ unit: 'binary', maxLength: 12 });
const end = fc.constantFrom<End>(undefined, undefined, 'inference', 'map');

function lineOf(ordinal: number, stage: End, value: string): string {
  const outcome = stage === undefined ? { prediction: value } : { stage, input: value, source: { ordinal } };
  return `${JSON.stringify({ id: `n#${ordinal}`, ...outcome })}\n`;
}

/** The lines of a run in which the elements at these places ended like this: results, then errors. */
function partsOf(places: readonly number[], ends: readonly End[], values: readonly string[]): [string, string] {
  const lines = (failed: boolean): string =>
    places
      .filter((place) => (ends[place] !== undefined) === failed)
      .map((place) => lineOf(place, ends[place], values[place] ?? ''))
      .join('');
  return [lines(false), lines(true)];
}

/** A text as it comes from a store: in pieces that may end within a character. */
function* inPieces(content: string, size: number): Generator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function listsOf([results, errors]: readonly [string, string], size = 7): MergeInput['committed'] {
  return { results: readLines(inPieces(results, size)), errors: readLines(inPieces(errors, size)) };
}

interface Merged {
  readonly results: string;
  readonly errors: string;
  readonly elements: number;
  readonly succeeded: number;
  readonly failed: Readonly<Record<string, number>>;
}

async function merge(input: MergeInput): Promise<Merged> {
  const merged = { results: '', errors: '', elements: 0, succeeded: 0 };
  const failed: Record<string, number> = {};
  for await (const chunk of mergeOutcomes(input)) {
    merged.results += Buffer.from(chunk.results).toString();
    merged.errors += Buffer.from(chunk.errors).toString();
    merged.elements += chunk.elements;
    merged.succeeded += chunk.succeeded;
    for (const [stage, count] of Object.entries(chunk.failed)) failed[stage] = (failed[stage] ?? 0) + count;
  }
  return { ...merged, failed };
}

describe('mergeOutcomes', () => {
  const element = fc.record({ before: end, after: end, isSelected: fc.boolean(), old: text, fresh: text });

  test('gives what a run of all elements would have given, byte for byte, in input order, and its counts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(element, { maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        async (elements, size) => {
          const places = [...elements.keys()];
          const ordinals = places.filter(
            (place) => elements[place]?.isSelected && elements[place].before !== undefined,
          );
          const isRedone = (place: number): boolean => ordinals.includes(place);
          const before = elements.map((each) => each.before);
          const after = elements.map((each, place) => (isRedone(place) ? each.after : each.before));
          const old = elements.map((each) => each.old);
          const fresh = elements.map((each, place) => (isRedone(place) ? each.fresh : each.old));

          const merged = await merge({
            total: elements.length,
            committed: listsOf(partsOf(places, before, old), size),
            redone: { ordinals, ...listsOf(partsOf(ordinals, after, fresh), size) },
          });

          const [results, errors] = partsOf(places, after, fresh);
          const failed: Record<string, number> = {};
          for (const stage of after) if (stage !== undefined) failed[stage] = (failed[stage] ?? 0) + 1;
          const succeeded = after.filter((stage) => stage === undefined).length;
          expect(merged).toEqual({ results, errors, elements: elements.length, succeeded, failed });
        },
      ),
      { numRuns: 200 },
    );
  });

  test('writes large bundles in chunks', async () => {
    const places = [...Array(20_000).keys()];
    const values = places.map((place) => 'x'.repeat(place % 100));
    const ends = places.map((place) => (place % 3 === 0 ? 'map' : undefined));
    const sizes: number[] = [];
    for await (const { results, errors } of mergeOutcomes({
      total: places.length,
      committed: listsOf(partsOf(places, ends, values), 65_536),
      redone: { ordinals: [], ...listsOf(['', '']) },
    })) {
      sizes.push(results.byteLength + errors.byteLength);
    }
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThan(300_000);
  });

  test.each<[string, Partial<MergeInput>, RegExp]>([
    ['an element has no outcome', { total: 4 }, /element 3 has none/],
    ['there are outcomes of more elements', { total: 2 }, /element 2 has none|more outcomes/],
    [
      'an element ran again that had not failed',
      { redone: { ordinals: [0], ...listsOf(partsOf([0], [], [])) } },
      /element 0 ran again, and had not failed/,
    ],
    [
      'an element that ran again gave nothing',
      { redone: { ordinals: [1], ...listsOf(['', '']) } },
      /element 1 has none/,
    ],
    [
      'a place is past the end',
      { redone: { ordinals: [7], ...listsOf(partsOf([7], [], [])) } },
      /more outcomes than its 3 elements/,
    ],
  ])('refuses to merge where %s', async (_, input, message) => {
    const committed = listsOf(partsOf([0, 1, 2], [undefined, 'map', undefined], []));
    const redone = { ordinals: [], ...listsOf(['', '']) };
    await expect(merge({ total: 3, committed, redone, ...input })).rejects.toThrow(message);
  });

  test('refuses errors lines that do not say where their elements stood', async () => {
    const committed = listsOf(['', '{"id":"n#0","stage":"map","source":{}}\n']);
    const redone = { ordinals: [], ...listsOf(['', '']) };
    await expect(merge({ total: 1, committed, redone })).rejects.toThrow(/'n#0' can't be redriven.*source\.ordinal/);
  });
});
