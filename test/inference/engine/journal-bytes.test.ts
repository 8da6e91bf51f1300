import { isDeepStrictEqual } from 'node:util';
import { serialize } from 'node:v8';
import {
  array,
  assert,
  bigInt,
  constant,
  date,
  dictionary,
  double,
  float32Array,
  json,
  letrec,
  oneof,
  property,
  string,
  uint8Array,
} from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JournalEntry } from '../../../lib/inference/engine/answer-journal.ts';
import { decodeEntries, encodeEntries } from '../../../lib/inference/engine/journal-bytes.ts';

const entryOf = (value: unknown): JournalEntry => ({
  model: 0,
  place: '3/0/2',
  fingerprint: 'f',
  tries: 2,
  usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 3, reasoningTokens: 1 },
  answer: { value, label: { label: 'm', digest: 'd', providers: 'cuda' } },
});

function roundTrip(value: unknown): unknown {
  const [entry] = decodeEntries(encodeEntries([entryOf(value)]));
  expect(entry).toMatchObject({ ...entryOf(0), answer: { label: { label: 'm' } } });
  return entry?.answer?.value;
}

const protoField: unknown = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}');

describe('the bytes of a journal', () => {
  test.each<[string, unknown]>([
    ['text', 'line\u2028 \ud800 "quoted"'],
    ['numbers', [0, -0, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 53, 5e-324]],
    ['an embedding', Array.from({ length: 40 }, (_, index) => (index % 9 === 0 ? -0 : 1 / index))],
    ['many numbers and a text', [...Array.from({ length: 40 }, () => Number.NaN), '1']],
    ['no value', [null, undefined]],
    ['a bigint', -(2n ** 70n)],
    ['fields', { a: { b: [true, { c: undefined }] }, '': 1 }],
    ['a field like a tag', { $: 'undefined', other: { $: { $: 'Map', value: [] } } }],
    ['fields like those of classes', protoField],
    ['dates', [new Date(0), new Date(Number.NaN)]],
    ['a map and a set', new Map<unknown, unknown>([[{ k: 1 }, new Set([1n, undefined])]])],
    ['bytes', new Uint8Array([0, 255, 128])],
    ['a buffer', new Uint8Array([1, 2]).buffer],
    ['floats', [new Float32Array([1.5, Number.NaN]), new Float64Array([-0]), new Float16Array([2])]],
    ['integers', [new Int8Array([-1]), new Int16Array([-2]), new Uint16Array([3]), new Uint32Array([4])]],
    ['big integers', [new BigInt64Array([-1n]), new BigUint64Array([2n])]],
    ['clamped bytes', new Uint8ClampedArray([1])],
    ['a view of bytes', new DataView(new Uint8Array([7, 8]).buffer)],
    ['a part of a buffer', new Float32Array(new Float32Array([1, 2, 3, 4]).buffer, 4, 2)],
  ])('keep an answer with %s', (_, value) => {
    expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true);
  });

  test('keep any answer that can be cloned', () => {
    const leaf = oneof(double(), string(), bigInt(), constant(undefined), constant(null));
    const views = oneof(float32Array(), uint8Array(), date({ noInvalidDate: false }));
    const value = letrec((tie) => ({
      any: oneof(
        { maxDepth: 4 },
        leaf,
        views,
        array(tie('any')),
        dictionary(oneof(constant('$'), constant('__proto__'), string()), tie('any'), {
          noNullPrototype: true,
        }),
      ),
    })).any;
    assert(property(value, (any) => isDeepStrictEqual(roundTrip(any), structuredClone(any))));
  });

  test('hold a class’s own fields, as a structured clone does, and bytes of Node’s as plain ones', () => {
    class Score {
      readonly value = 1;
    }
    expect(roundTrip(new Score())).toStrictEqual({ value: 1 });
    expect(roundTrip(Buffer.from([1, 2]))).toStrictEqual(new Uint8Array([1, 2]));
  });

  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  let deep: unknown = 0;
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  test.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', [Symbol('s')]],
    ['itself', cyclic],
    ['too many levels', deep],
    ['a promise', Promise.resolve(1)],
    ['an expression', /x/],
  ])('leave out an answer with %s, and keep the others', (_, value) => {
    const others = [entryOf('a'), entryOf('b')] as const;
    expect(decodeEntries(encodeEntries([others[0], entryOf(value), others[1]]))).toEqual(others);
  });

  test('keep an element that was asked and not answered', () => {
    const { answer: _, usage: __, ...entry } = entryOf(0);
    expect(decodeEntries(encodeEntries([entry]))).toStrictEqual([entry]);
  });
});

const journal = (entries: unknown): string => JSON.stringify({ version: 1, entries });

describe('bytes that are not a journal', () => {
  const good = { model: 0, place: '1', fingerprint: 'f', tries: 0 };
  const answer = (value: unknown): string =>
    journal([{ ...good, answer: { value, label: { label: 'm', digest: 'd' } } }]);

  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['those of earlier versions', serialize([entryOf(1)])],
    ['text that is not JSON', '{"version":1,'],
    ['text that is not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d])],
    ['another version', JSON.stringify({ version: 2, entries: [] })],
    ['no list', journal({ length: 1, 0: good })],
    ['a model below 0', journal([{ ...good, model: -1 }])],
    ['a place of its own', journal([{ ...good, place: '../1' }])],
    ['endless tries', '{"version":1,"entries":[{"model":0,"place":"1","fingerprint":"f","tries":1e999}]}'],
    ['tokens below 0', journal([{ ...good, usage: { inputTokens: -1 } }])],
    ['an answer of no model', journal([{ ...good, answer: { value: 1 } }])],
    ['a type that is unknown', answer({ $: 'Function', value: 'return process' })],
    ['a type of a class’s', answer({ $: 'constructor', value: 'x' })],
    ['a type that is not text', answer({ $: ['Map'], value: [] })],
    ['bytes that do not fill a number', answer({ $: 'Float32Array', value: 'AA==' })],
    ['numbers that are not whole', answer({ $: 'numbers', value: 'AAAA' })],
    ['a bigint that is not a number', answer({ $: 'bigint', value: '1; process.exit()' })],
    ['a map of no pairs', answer({ $: 'Map', value: [[1]] })],
    ['a level too deep', answer(0).replace('"value":0', `"value":${'['.repeat(200_000)}${']'.repeat(200_000)}`)],
  ])('have no entries: %s', (_, bytes) => {
    expect(decodeEntries(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)).toEqual([]);
  });

  test('change no class', () => {
    const [entry] = decodeEntries(Buffer.from(answer(protoField)));
    expect(Object.hasOwn(entry?.answer?.value as object, '__proto__')).toBe(true);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('never end in an error, whatever they are', () => {
    const bytes = oneof(
      uint8Array({ maxLength: 300 }),
      json().map((json) => Buffer.from(`{"version":1,"entries":[${json}]}`)),
      json().map((json) => Buffer.from(answer(JSON.parse(json)))),
    );
    assert(property(bytes, (any) => Array.isArray(decodeEntries(any))));
  });
});
