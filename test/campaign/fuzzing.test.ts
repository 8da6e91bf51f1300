import { describe, expect, test } from 'vitest';
import { merge, noCounts } from '../../campaign/counts.ts';
import { tableOf } from '../../campaign/table.ts';
import { mutated } from '../../campaign/fuzzing/mutate.ts';
import { openFuzzers, runInput } from '../../campaign/fuzzing/run-input.ts';
import { textSeeds } from '../../campaign/fuzzing/target.ts';
import { random } from '../../bench/random.ts';

const SEED = 6;
const INPUTS = 2000;

describe('parsers of foreign bytes', () => {
  test('crash, hang and pollute nothing, and read a document in one way however it is cut', async () => {
    const fuzzers = await openFuzzers();
    const counts = noCounts();
    for (let input = 0; input < INPUTS; input += 1) merge(counts, await runInput(fuzzers, SEED, input));
    expect(counts.violations).toEqual([]);
    for (const { name } of fuzzers) expect(counts.runs[name], name).toBeGreaterThan(0);
    for (const format of ['jsonl', 'text', 'csv', 'tsv', 'json'])
      expect(counts.runs[`documents: ${format}`], format).toBeGreaterThan(0);
    for (const format of ['jsonl', 'csv'])
      expect(counts.runs[`lines of numbers: ${format}`], format).toBeGreaterThan(0);
    const { elements } = counts;
    const lines = elements['lines of numbers, read in two ways'] ?? 0;
    expect(lines).toBeGreaterThan(INPUTS);
    // A scanner that packs nothing would be right, too.
    expect(elements['lines of numbers that were packed']).toBeGreaterThan(lines / 10);
    expect(tableOf(counts)).toMatch(/\| lines of numbers that were packed +\| +[\d,]+ \|/);
  });
});

describe('a fuzzer', () => {
  test('makes the same inputs of the same seed, and others of another', () => {
    const seeds = textSeeds({ a: 1 }, { b: [2, 3] });
    const inputs = (seed: number): string[] => {
      const next = random(seed);
      return Array.from({ length: 20 }, () => mutated(seeds, next).toString('hex'));
    };
    expect(inputs(1)).toEqual(inputs(1));
    expect(inputs(1)).not.toEqual(inputs(2));
  });

  test('reports what a parser throws that it does not document, with what runs it again', async () => {
    const broken = {
      name: 'broken',
      seeds: textSeeds('a'),
      parse: () => {
        throw new TypeError('a bug');
      },
    };
    const { violations } = await runInput([broken], 5, 1);
    expect(violations).toEqual([
      { kind: 'crash', again: '--seed 5 --input 1 (broken)', message: expect.stringContaining('TypeError: a bug') },
    ]);
  });
});
