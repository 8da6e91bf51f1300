import { describe, expect, test } from 'vitest';
import { readJsonLines } from '../../lib/formats/jsonl.ts';
import { collect, inputOptions, readAll, readRange } from './reading.ts';
import { memorySource, recordingSource } from './sources.ts';

const input = inputOptions('jsonl');

async function pageSizes(lines: number, lineBytes: number): Promise<number[]> {
  const content = `"${'x'.repeat(lineBytes)}"\n`.repeat(lines);
  const sizes: number[] = [];
  for await (const page of readJsonLines({
    source: memorySource(content),
    range: { start: 0, end: content.length },
    input,
  })) {
    sizes.push(page.length);
  }
  return sizes;
}

describe('readJsonLines', () => {
  test('gives the value, the text and the byte offset of each line', async () => {
    expect(await readAll('{"a":1}\n[2, 3]\n"vier"\n', 'jsonl')).toEqual([
      { position: 0, input: { a: 1 }, raw: '{"a":1}', failure: undefined },
      { position: 8, input: [2, 3], raw: '[2, 3]', failure: undefined },
      { position: 15, input: 'vier', raw: '"vier"', failure: undefined },
    ]);
  });

  test('skips blank lines, and takes CRLF and a last line without an ending', async () => {
    const elements = await readAll('1\r\n\r\n  \t\n 2 \r\n\n3', 'jsonl');
    expect(elements.map(({ position, raw }) => [position, raw])).toEqual([
      [0, '1'],
      [9, '2'],
      [15, '3'],
    ]);
  });

  test('takes objects and arrays one behind the other on a line, each with its own offset', async () => {
    const content = '\uFEFF {"ü":"}{\\""}{"b":2} [3]\r\n{"c":{"d":[]}}[]\n{"e":5}';
    expect(await readAll(content, 'jsonl')).toEqual([
      { position: 0, input: { ü: '}{"' }, raw: '{"ü":"}{\\""}', failure: undefined },
      { position: 17, input: { b: 2 }, raw: '{"b":2}', failure: undefined },
      { position: 25, input: [3], raw: '[3]', failure: undefined },
      { position: 30, input: { c: { d: [] } }, raw: '{"c":{"d":[]}}', failure: undefined },
      { position: 44, input: [], raw: '[]', failure: undefined },
      { position: 47, input: { e: 5 }, raw: '{"e":5}', failure: undefined },
    ]);
  });

  test.each([
    '{"a":1}{"b":',
    '{"a":1}{b:2}',
    '{"a":1} 2',
    '1 2',
    '"a""b"',
    '{"a":1},{"b":2}',
    '{}}{}',
    '{"a":1}{"b":2}x',
  ])('fails a line as one element where it is not only whole objects and arrays: %s', async (line) => {
    const elements = await readAll(`1\n${line}\n3\n`, 'jsonl');
    expect(elements.map(({ position }) => position)).toEqual([0, 2, 3 + Buffer.byteLength(line)]);
    expect(elements[1]).toMatchObject({ raw: line, failure: { name: 'JsonSyntaxError' } });
  });

  test.each([
    ['a value', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['one of several values', `{"a":1}${'{"a":'.repeat(600)}1${'}'.repeat(600)}{"b":2}`],
    ['a value that does not end', '['.repeat(2000)],
  ])('fails a line as one element where its nesting is too deep: %s', async (_, line) => {
    const elements = await readAll(`1\n${line}\n3\n`, 'jsonl');
    expect(elements.map(({ position }) => position)).toEqual([0, 2, 3 + line.length]);
    expect(elements[1]).toMatchObject({ input: undefined, raw: line, failure: { name: 'ElementTooDeep' } });
  });

  test('gives pages of some hundred elements where they are all on one line', async () => {
    const content = '{"n":1}'.repeat(5000);
    const sizes: number[] = [];
    for await (const page of readJsonLines({
      source: memorySource(content),
      range: { start: 0, end: content.length },
      input,
    })) {
      sizes.push(page.length);
    }
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(5000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(512);
  });

  test('gives the same of a line with very many, and fails it as one element where its last is not JSON', async () => {
    const values = Array.from({ length: 5000 }, (_, n) => JSON.stringify({ n }));
    const line = ` ${values.join(' ')} `;
    const elements = await readAll(`"x"\n${line}\n[1]\n`, 'jsonl');
    expect(elements.map((element) => element.input)).toEqual(['x', ...values.map((_, n) => ({ n })), [1]]);
    const second = elements.slice(1, 4).map(({ position, raw }) => [position, raw]);
    expect(second).toEqual([
      [4, '{"n":0}'],
      [4 + line.indexOf('{"n":1}'), '{"n":1}'],
      [4 + line.indexOf('{"n":2}'), '{"n":2}'],
    ]);
    const [whole, ...rest] = await readAll(`${line}{no}\n`, 'jsonl');
    expect([whole?.failure?.name, rest]).toEqual(['JsonSyntaxError', []]);
  });

  test('counts offsets in bytes, not in characters', async () => {
    const elements = await readAll('"Zürich 🚀"\n"ü"\n1\n', 'jsonl');
    expect(elements.map(({ position, input }) => [position, input])).toEqual([
      [0, 'Zürich 🚀'],
      [15, 'ü'],
      [20, 1],
    ]);
  });

  test('takes no notice of a byte order mark at the start of the object, and of no other place', async () => {
    const elements = await readAll('\uFEFF{"a":1}\n\uFEFF2\n', 'jsonl');
    expect(elements[0]).toEqual({ position: 0, input: { a: 1 }, raw: '{"a":1}', failure: undefined });
    expect(elements[1]?.failure?.name).toBe('JsonSyntaxError');
  });

  test('fails a line that is not JSON by itself, with its text', async () => {
    const elements = await readAll('1\n{"secret": oops}\n3\n', 'jsonl');
    expect(elements.map((element) => element.input)).toEqual([1, undefined, 3]);
    expect(elements[1]).toMatchObject({ raw: '{"secret": oops}', failure: { name: 'JsonSyntaxError' } });
  });

  test.each(['{"secret": oops}', '{"secret"', '"secret', 'secret', '{"secret": 1}}', '["secret",]', "{'secret': 1}"])(
    'quotes nothing of the text in the message of a failure: %s',
    async (line) => {
      const [element] = await readAll(line, 'jsonl');
      expect(element?.failure?.message).toMatch(/^Not valid JSON: /);
      expect(element?.failure?.message).not.toContain('secret');
    },
  );

  test('fails a line that is not UTF-8 by itself', async () => {
    const content = Buffer.concat([Buffer.from('"ü"\n"'), Buffer.from([0xff, 0xfe]), Buffer.from('"\n"ö"\n')]);
    const elements = await readAll(content, 'jsonl');
    expect(elements.map((element) => element.input)).toEqual(['ü', undefined, 'ö']);
    expect(elements[1]).toMatchObject({ position: 5, failure: { name: 'InvalidUtf8' } });
  });

  test('takes a line of maxElementBytes, and fails one that is a byte longer', async () => {
    const elements = await readAll('"345678"\n"3456789"\r\n1\n', 'jsonl', { maxElementBytes: 8 });
    expect(elements.map(({ input, failure }) => failure?.name ?? input)).toEqual(['345678', 'ElementTooLarge', 1]);
    expect(elements[1]?.raw).toBe('"3456789');
  });

  test.each([1, 7, 4096])('passes over a line that is far too large: chunks of %i bytes', async (chunkBytes) => {
    const content = `1\n"${'ü'.repeat(50_000)}"\n3\n`;
    const read = readJsonLines({
      source: memorySource(content, chunkBytes),
      range: { start: 0, end: 5 },
      input: { ...input, maxElementBytes: 3000 },
    });
    const elements = await collect(read);
    expect(elements).toHaveLength(2);
    expect(elements[1]).toMatchObject({ position: 2, failure: { name: 'ElementTooLarge' } });
    expect(elements[1]?.raw).toBe(`"${'ü'.repeat(1023)}`);
  });

  test('gives pages of about 256 elements, and smaller ones where the elements are large', async () => {
    const small = await pageSizes(2000, 250);
    expect(Math.max(...small)).toBeLessThan(512);
    expect(small.length).toBeLessThanOrEqual(8);
    expect(Math.max(...(await pageSizes(40, 100_000)))).toBeLessThanOrEqual(6);
  });

  test('ends when it is aborted', async () => {
    const abort = new AbortController();
    const content = '1\n'.repeat(100_000);
    const pages = readJsonLines({
      source: memorySource(content),
      range: { start: 0, end: content.length },
      input,
      signal: abort.signal,
    });
    const reading = (async () => {
      for await (const page of pages) if (page.length > 0) abort.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
  });
});

describe('a line', () => {
  const content = '"aaaa"\n"bbbb"\n"cccc"\n';
  const read = async (start: number, end: number) =>
    (await readRange(memorySource(content), { start, end }, input)).map((element) => element.input);

  test('belongs to the bundle in whose range its first byte lies', async () => {
    expect(await read(0, 7)).toEqual(['aaaa']);
    expect(await read(0, 8)).toEqual(['aaaa', 'bbbb']);
    expect(await read(1, 7)).toEqual([]);
    expect(await read(7, 8)).toEqual(['bbbb']);
    expect(await read(8, 14)).toEqual([]);
    expect(await read(6, 15)).toEqual(['bbbb', 'cccc']);
    expect(await read(20, 21)).toEqual([]);
  });

  test('is read from its own bundle only: the range, the byte before it, and a bounded tail', async () => {
    const line = `"${'x'.repeat(997)}"\n`;
    const source = recordingSource(memorySource(line.repeat(10_000)));
    const elements = await readRange(source, { start: 4_000_000, end: 4_100_000 }, input);
    expect(elements.map((element) => element.position)).toEqual(
      Array.from({ length: 100 }, (_, n) => 4_000_000 + n * 1000),
    );
    expect(Math.min(...source.given.map(({ start }) => start))).toBe(3_999_999);
    expect(Math.max(...source.given.map(({ end }) => end))).toBeLessThanOrEqual(4_100_000 + 16 * 1024);
    expect(source.asked).toHaveLength(1);
  });

  test('of no end costs a bundle in its midst no more than its own bytes, and its first bundle no more than the limit', async () => {
    const source = recordingSource(memorySource('x'.repeat(1_000_000)));
    const options = { ...input, maxElementBytes: 10_000 };
    expect(await readRange(source, { start: 500_000, end: 510_000 }, options)).toEqual([]);
    const [element] = await readRange(source, { start: 0, end: 10_000 }, options);
    expect(element?.failure?.name).toBe('ElementTooLarge');
    const bytes = source.given.reduce((sum, { start, end }) => sum + end - start, 0);
    expect(bytes).toBeLessThan(2 * (10_000 + 16 * 1024 + 64 * 1024));
  });

  test('that is longer than the first tail is read on, in a few requests', async () => {
    const source = recordingSource(memorySource(`"${'x'.repeat(1_000_000)}"\n`));
    const [element] = await readRange(source, { start: 0, end: 10 }, input);
    expect(element?.input).toHaveLength(1_000_000);
    expect(source.asked.length).toBeLessThan(6);
  });
});
