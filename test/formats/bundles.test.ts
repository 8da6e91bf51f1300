import { gzipSync, zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InputOptions, ReadElement } from '../../lib/formats/format.ts';
import type { ElementsFormatName } from '../../lib/formats/registry.ts';
import { inputOptions, readAll, readBundles } from './reading.ts';
import { memorySource } from './sources.ts';

/** Bytes of a byte order mark. */
const MARK_BYTES = 3;

const lineEnding = fc.constantFrom('\n', '\r\n', '\n\n', '\n \n');
const word = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('', '"', '""', 'ü', '🚀', '\r', 'x'.repeat(150), '\uFEFF'),
);

/** Texts of records and what stands between them; good ones, bad ones and blank ones. */
const contents: Readonly<Record<string, fc.Arbitrary<string>>> = {
  jsonl: joined(fc.oneof(fc.json({ maxDepth: 2 }), word)),
  concatenated: joined(
    fc
      .array(fc.oneof(fc.json({ maxDepth: 2 }), fc.constantFrom('{"a":"}{"}', '[1]', ' {} ', '{')), { maxLength: 4 })
      .map((values) => values.join('')),
  ),
  text: joined(word),
  csv: fc
    .tuple(fc.constantFrom('\uFEFF', '', '\n'), joined(csvRow()))
    .map(([start, rows]) => `${start}a,"b",c\r\n${rows}`),
  json: fc
    .tuple(fc.array(fc.oneof(fc.json({ maxDepth: 2 }), fc.constantFrom('oops', '', '"]"', '{"a":"\\"["}'))), jsonEnd())
    .map(([elements, end]) => ` [${elements.join(',\n')}${end}`),
};

function joined(record: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.array(fc.tuple(record, lineEnding), { maxLength: 30 }).map((lines) => lines.flat().join(''));
}

function csvRow(): fc.Arbitrary<string> {
  const quoted = fc.array(fc.oneof(word, lineEnding), { maxLength: 4 }).map((parts) => quote(parts.join('')));
  const field = fc.oneof({ weight: 3, arbitrary: word }, { weight: 3, arbitrary: quoted });
  return fc.array(field, { minLength: 3, maxLength: 3 }).map((fields) => fields.join(','));
}

function quote(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}

function jsonEnd(): fc.Arbitrary<string> {
  return fc.constantFrom(']', ' ]\n', '\n', '', ',]', ', {"never": [closed');
}

const cutting = fc.record({
  bundleBytes: fc.integer({ min: 1, max: 200 }),
  chunkBytes: fc.integer({ min: 1, max: 60 }),
  maxElementBytes: fc.constantFrom(8, 60, 1000, 1_000_000),
});

const cases: readonly (readonly [name: string, format: ElementsFormatName, options: Partial<InputOptions>])[] = [
  ['jsonl', 'jsonl', {}],
  ['concatenated', 'jsonl', {}],
  ['text', 'text', {}],
  ['csv', 'csv', {}],
  ['csv', 'csv', { quotedNewlines: false }],
  ['csv', 'csv', { quotedNewlines: false, header: false }],
  ['json', 'json', {}],
];

describe.each(cases)('the bundles of %s', (content, format, formatOptions) => {
  const bytes = (contents[content] ?? fc.constant('')).map((text) => Buffer.from(text));

  async function atOnce(content: Buffer, maxElementBytes: number): Promise<ReadElement[]> {
    const input = inputOptions(format, { ...formatOptions, maxElementBytes, bundleBytes: 1_000_000 });
    const { bundles } = await readBundles(memorySource(content, 1_000_000), input);
    expect(bundles.length).toBeLessThanOrEqual(1);
    return bundles.flat();
  }

  test('together hold what the object holds, whatever their size', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, cutting, async (content, { bundleBytes, chunkBytes, maxElementBytes }) => {
        const input = inputOptions(format, { ...formatOptions, bundleBytes, maxElementBytes });
        const { bundles } = await readBundles(memorySource(content, chunkBytes), input);
        expect(bundles.flat()).toEqual(await atOnce(content, maxElementBytes));
      }),
      { numRuns: 100 },
    );
  });

  test('of gzip and zstd hold the same elements', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, cutting, async (content, { bundleBytes, chunkBytes, maxElementBytes }) => {
        const input = inputOptions(format, { ...formatOptions, bundleBytes, maxElementBytes });
        const expected = await atOnce(content, maxElementBytes);
        const gzip = memorySource(gzipSync(content), chunkBytes);
        expect((await readBundles(gzip, input, { compression: 'gzip' })).bundles.flat()).toEqual(expected);
        const zstd = memorySource(zstdCompressSync(content), chunkBytes);
        expect((await readBundles(zstd, input, { compression: 'zstd' })).bundles.flat()).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  test('hold the first elements only, with a limit', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, cutting, fc.nat(12), async (content, { bundleBytes, maxElementBytes }, limit) => {
        const input = inputOptions(format, { ...formatOptions, bundleBytes, maxElementBytes });
        const expected = (await atOnce(content, maxElementBytes)).slice(0, limit);
        expect((await readBundles(memorySource(content), input, { limit })).bundles.flat()).toEqual(expected);
        const gzip = memorySource(gzipSync(content));
        const compressed = await readBundles(gzip, input, { limit, compression: 'gzip' });
        expect(compressed.bundles.flat()).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});

describe.each(cases.filter(([content, format]) => format !== 'json' && content !== 'concatenated'))(
  'the elements of %s',
  (content, format, formatOptions) => {
    test('have the offset of their first byte as their position', async () => {
      const bytes = (contents[content] ?? fc.constant('')).map((text) => Buffer.from(text));
      await fc.assert(
        fc.asyncProperty(bytes, async (content) => {
          let last = -1;
          for (const { position } of await readAll(content, format, formatOptions)) {
            expect(position).toBeGreaterThan(last);
            const isBehindMark = position === MARK_BYTES && content.indexOf('\uFEFF') === 0;
            expect(position === 0 || isBehindMark || content[position - 1] === 0x0a).toBe(true);
            last = position;
          }
        }),
        { numRuns: 50 },
      );
    });
  },
);

describe('the elements of jsonl', () => {
  test('are what splitting at line feeds and parsing each line gives', async () => {
    const bytes = (contents['jsonl'] ?? fc.constant('')).map((text) => Buffer.from(text));
    await fc.assert(
      fc.asyncProperty(bytes, async (content) => {
        const expected: unknown[] = [];
        let position = 0;
        for (const line of content.toString().split('\n')) {
          const raw = (position === 0 ? line.replace(/^\uFEFF/, '') : line).replaceAll(/^[ \t\r]+|[ \t\r]+$/g, '');
          if (raw !== '') expected.push({ position, raw, input: parsed(raw) });
          position += Buffer.byteLength(line) + 1;
        }
        const elements = await readAll(content, 'jsonl');
        expect(elements.map(({ position, raw, input }) => ({ position, raw, input }))).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
