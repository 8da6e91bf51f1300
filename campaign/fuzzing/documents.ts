import { isDeepStrictEqual } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { InputOptions, ReadElement } from '../../lib/formats/format.ts';
import type { ElementsFormatName } from '../../lib/formats/registry.ts';
import { FabricError } from '../../lib/errors.ts';
import { inputOptions, readBundles } from '../../test/formats/reading.ts';
import { memorySource } from '../../test/formats/sources.ts';
import { below, pick } from '../simulation/chance.ts';
import { Violation } from '../violation.ts';

type Random = () => number;

const MAX_RECORDS = 30;
const WORDS: readonly [string, ...string[]] = [
  '',
  'a',
  '1',
  '-2.5e3',
  'ü',
  '🚀',
  '"',
  '""',
  '\\',
  '\\"',
  '\r',
  '\uFEFF',
  '\u2028',
  ' ',
  '\t',
  ',',
  ';',
  '|',
  'x'.repeat(150),
  '{"a":"}{"}',
  '[1]',
  ' {} ',
  '{',
  '[',
  ']',
  '{"id":"b","n":[1,2]}',
  '"a,b"',
  '"a\n""b"',
  'oops',
  'null',
  '\0',
];
const ENDINGS: readonly [string, ...string[]] = ['\n', '\n', '\n', '\r\n', '\r', '\n\n', '\n \n', ''];

/** How documents of a format are written, and with which options they are read. */
interface Dialect {
  readonly format: ElementsFormatName;
  readonly options: (random: Random) => Partial<InputOptions>;
  readonly write: (random: Random) => string;
}

function some<Item>(random: Random, make: () => Item): Item[] {
  return Array.from({ length: below(MAX_RECORDS, random) }, make);
}

function words(random: Random): string {
  return Array.from({ length: 1 + below(3, random) }, () => pick(WORDS, random)).join('');
}

function json(random: Random): string {
  return pick(
    [
      words(random),
      JSON.stringify({ id: words(random), n: below(99, random) }),
      JSON.stringify(words(random)),
      '[{"a":[]}]',
    ],
    random,
  );
}

function lines(random: Random, record: () => string): string {
  return some(random, () => record() + pick(ENDINGS, random)).join('');
}

function row(random: Random, delimiter: string): string {
  const field = (): string => {
    const text = words(random);
    return random() < 0.5 ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return Array.from({ length: pick([3, 3, 3, 1, 4], random) }, field).join(delimiter);
}

const DELIMITERS = [',', ';', '|', '\t'] as const;

function table(random: Random, delimiter: string): string {
  const start = pick(['', '', '\uFEFF', '\n', `sep=${delimiter}\n`], random);
  const heading = pick([`a${delimiter}"b"${delimiter}c\r\n`, `a${delimiter}b${delimiter}c\n`, ''], random);
  return start + heading + lines(random, () => row(random, delimiter));
}

const DIALECTS: readonly [Dialect, ...Dialect[]] = [
  { format: 'jsonl', options: () => ({}), write: (random) => lines(random, () => json(random)) },
  { format: 'text', options: () => ({}), write: (random) => lines(random, () => words(random)) },
  {
    format: 'csv',
    options: (random) => ({
      quotedNewlines: random() < 0.7,
      ...(random() < 0.4 ? { delimiter: pick(DELIMITERS, random) } : {}),
      ...(random() < 0.4 ? { header: pick([true, false, ['x', 'y', 'z']], random) } : {}),
      wholeRows: random() < 0.5,
    }),
    write: (random) => table(random, pick(DELIMITERS, random)),
  },
  {
    format: 'tsv',
    options: (random) => (random() < 0.4 ? { header: pick([true, false, ['x', 'y', 'z']], random) } : {}),
    write: (random) => table(random, '\t'),
  },
  {
    format: 'json',
    options: () => ({}),
    write: (random) => {
      const between = pick([',', ',\n', ' , ', '\n,\n'], random);
      const end = pick([']', ' ]\n', '\n   ]', '\n', '', ',]', ', {"never": [closed', '] x'], random);
      return `${pick(['', ' ', '\n', '\uFEFF'], random)}[${pick(['', '\n', ' '], random)}${some(random, () => json(random)).join(between)}${end}`;
    },
  },
];

/** Result of reading a document: its elements, or why it can't be read as a whole. */
type Reading = readonly ReadElement[] | string;

async function reading(work: () => Promise<readonly ReadElement[]>): Promise<Reading> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    return error.code;
  }
}

async function elements(
  content: Buffer,
  input: InputOptions,
  options: { readonly chunkBytes: number; readonly compression?: 'gzip' | 'zstd' },
): Promise<Reading> {
  const { chunkBytes, compression } = options;
  const bytes =
    compression === undefined ? content : compression === 'gzip' ? gzipSync(content) : zstdCompressSync(content);
  const planning = compression === undefined ? {} : { compression };
  return reading(async () => (await readBundles(memorySource(bytes, chunkBytes), input, planning)).bundles.flat());
}

/**
 * Writes a document and reads it in one pass, and cut into bundles of several sizes, in chunks of several sizes, and
 * compressed: all of them have the same elements.
 *
 * @returns the number of comparisons
 * @throws Violation
 */
export async function compareCuts(random: Random): Promise<{ readonly format: string; readonly comparisons: number }> {
  const { format, options, write } = pick(DIALECTS, random);
  const content = Buffer.from(write(random));
  const maxElementBytes = pick([1, 8, 60, 1000, 1_000_000], random);
  const input = inputOptions(format, { ...options(random), maxElementBytes });
  const whole = { ...input, bundleBytes: 1_000_000 };
  const expected = await elements(content, whole, { chunkBytes: 1_000_000 });
  const compressions = [undefined, undefined, pick(['gzip', 'zstd'] as const, random)];
  for (const compression of compressions) {
    const bundleBytes = 1 + below(200, random);
    const chunkBytes = 1 + below(60, random);
    const cut = await elements(content, { ...input, bundleBytes }, { chunkBytes, ...(compression && { compression }) });
    if (isDeepStrictEqual(cut, expected)) continue;
    const shown = JSON.stringify(content.toString()).slice(0, 1000);
    const how = JSON.stringify({ ...input, bundleBytes, chunkBytes, compression });
    throw new Violation(
      'wrong value',
      `${format} ${how}: ${shown} gives ${summary(cut)}, in one pass ${summary(expected)}`,
    );
  }
  return { format, comparisons: compressions.length };
}

function summary(found: Reading): string {
  if (typeof found === 'string') return found;
  return `${found.length} elements: ${JSON.stringify(found.map(({ position, failure }) => failure?.name ?? position)).slice(0, 300)}`;
}
