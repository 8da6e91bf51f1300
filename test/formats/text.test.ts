import { describe, expect, test } from 'vitest';
import { readAll } from './reading.ts';

describe('readTextLines', () => {
  test('gives each line without its ending, blank ones too, except behind the last line feed', async () => {
    expect(await readAll('one\n\r\n two \r\n\nlast\n', 'text')).toEqual([
      { position: 0, input: 'one', raw: undefined, failure: undefined },
      { position: 4, input: '', raw: undefined, failure: undefined },
      { position: 6, input: ' two ', raw: undefined, failure: undefined },
      { position: 13, input: '', raw: undefined, failure: undefined },
      { position: 14, input: 'last', raw: undefined, failure: undefined },
    ]);
  });

  test('takes a last line without an ending', async () => {
    expect((await readAll('one\ntwo', 'text')).map((element) => element.input)).toEqual(['one', 'two']);
  });

  test('takes a carriage return that ends no line as text', async () => {
    expect((await readAll('a\rb\n\rc\r', 'text')).map((element) => element.input)).toEqual(['a\rb', '\rc\r']);
  });

  test('leaves a byte order mark out', async () => {
    expect((await readAll('\uFEFFone\n', 'text')).map((element) => element.input)).toEqual(['one']);
  });

  test('fails a line that is too large, or not UTF-8, by itself', async () => {
    const content = Buffer.concat([Buffer.from('one\ntoo long\n'), Buffer.from([0xff]), Buffer.from('\ntwo\n')]);
    const elements = await readAll(content, 'text', { maxElementBytes: 5 });
    expect(elements.map(({ input, failure }) => failure?.name ?? input)).toEqual([
      'one',
      'ElementTooLarge',
      'InvalidUtf8',
      'two',
    ]);
  });
});
