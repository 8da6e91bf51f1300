import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { detectInput } from '../../../cli/mapping/detect-format.ts';
import { sampleElements } from '../../../cli/mapping/sample-elements.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

const CSV = 'a,b\n1,x\n2,y\n';
const DATA = fileURLToPath(new URL('../../../examples/data/', import.meta.url));

describe('detectInput', () => {
  test.each([
    ['a CSV', 'd.csv', CSV, { format: 'csv' }],
    ['a CSV of numbers without a header', 'd.csv', '1,2\n3,4\n', { format: 'csv', header: false }],
    ['semicolons', 'd.csv', 'a;b\n1,5;2\n', { format: 'csv', delimiter: ';' }],
    ['separators in quotes', 'd.csv', '"a;b;c",d\n1,2\n', { format: 'csv' }],
    ['tabs, whatever the suffix', 'd.csv', 'a\tb\n1\t2\n', { format: 'tsv' }],
    ['a CSV of one column', 'd.csv', 'words\none\n', { format: 'csv' }],
    ['a TSV', 'd.tsv', 'a\tb\n1\t2\n', { format: 'tsv' }],
    ['JSON Lines', 'd.jsonl', '{"a":1}\n{"a":2}\n', { format: 'jsonl' }],
    ['JSON Lines of arrays', 'd.ndjson', '[1,2]\n[3,4]\n', { format: 'jsonl' }],
    ['JSON Lines named json', 'd.json', '{"a":1}\n{"a":2}\n', { format: 'jsonl' }],
    ['JSON Lines named csv', 'd.csv', '{"a":1}\n', { format: 'jsonl' }],
    ['a JSON array in one line', 'd.json', '[{"a":1},{"a":2}]\n', { format: 'json' }],
    ['a JSON array in several lines', 'd.json', '\uFEFF[\n  {"a": 1}\n]\n', { format: 'json' }],
    ['lines of text', 'd.txt', 'one, two\nthree\n', { format: 'text' }],
    ['columns in a file without a suffix', 'data', CSV, { format: 'csv' }],
    ['words in a file without a suffix', 'data', 'one\ntwo\n', { format: 'text' }],
  ])('detects %s', async (_what, name, text, expected) => {
    const folder = await temporaryFolder();
    expect(await detectInput(await writeIn(folder, name, text))).toEqual(expected);
    expect(await detectInput(await writeIn(folder, `${name}.gz`, gzipSync(text)))).toEqual(expected);
    expect(await detectInput(await writeIn(folder, `${name}.zst`, zstdCompressSync(text)))).toEqual(expected);
  });

  test('detects images by their content, and refuses other binary files with advice', async () => {
    const folder = await temporaryFolder();
    expect(await detectInput(join(DATA, 'digits/digit-0001.png'))).toEqual({ format: 'images' });
    const pdf = await writeIn(folder, 'd.csv', '%PDF-1.7\n');
    await expect(detectInput(pdf)).rejects.toThrow('d.csv is a PDF file: extract its text');
  });
});

describe('sampleElements', () => {
  test('reads the first elements as a run does, also of a compressed file', async () => {
    const folder = await temporaryFolder();
    const rows = [
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ];
    expect(await sampleElements(await writeIn(folder, 'd.csv', CSV), { format: 'csv' })).toEqual(rows);
    expect(await sampleElements(await writeIn(folder, 'd.csv.gz', gzipSync(CSV)), { format: 'csv' })).toEqual(rows);
    expect(await sampleElements(await writeIn(folder, 'empty.csv', ''), { format: 'csv' })).toEqual([]);
    const many = await sampleElements(join(DATA, 'wine.jsonl'), { format: 'jsonl' });
    expect(many).toHaveLength(20);
    expect(many[0]).toMatchObject({ id: 'wine-007', cultivar: 0 });
  });
});
