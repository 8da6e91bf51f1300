import { expect, test } from 'vitest';
import { random } from '../../bench/random.ts';
import { compareLines } from '../../campaign/fuzzing/number-lines.ts';

/** `FUZZ_LINES=10000000 npx vitest run test/formats/number-lines.test.ts` compares more. */
const LINES = Number(process.env['FUZZ_LINES'] ?? 40_000);
const SEED = 11;
const MILLIS_PER_LINE = 2;

test(
  'numbers that are packed while lines are read are those that the values give, and all other outcomes are the same',
  async () => {
    const next = random(SEED);
    let lines = 0;
    const packed: Record<string, number> = { jsonl: 0, csv: 0 };
    while (lines < LINES) {
      const compared = await compareLines(next);
      lines += compared.lines;
      packed[compared.format] = (packed[compared.format] ?? 0) + compared.packed;
    }
    // A scanner that packs nothing would be right, too.
    expect(packed['jsonl']).toBeGreaterThan(LINES / 10);
    expect(packed['csv']).toBeGreaterThan(LINES / 10);
  },
  LINES * MILLIS_PER_LINE,
);
