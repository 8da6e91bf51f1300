import { deserialize, serialize } from 'node:v8';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isNestedTooDeeply, jsonOf, MAX_NESTING } from '../../lib/elements/nesting.ts';
import { canonicalJson } from '../../lib/inference/worker/args-key.ts';
import { fingerprintOf } from '../../lib/inference/worker/asked-elements.ts';
import { fieldReader } from '../../lib/inference/element-key.ts';
import { toJson } from '../../lib/inference/worker/json.ts';
import { ownBytes } from '../../lib/inference/own-bytes.ts';
import { roughBytes } from '../../lib/models/rough-bytes.ts';

const arrays = (depth: number, inner = '1'): string => `${'['.repeat(depth)}${inner}${']'.repeat(depth)}`;
const objects = (depth: number, inner = '1'): string => `${'{"a":'.repeat(depth)}${inner}${'}'.repeat(depth)}`;
const both = (depth: number): string => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;

describe('isNestedTooDeeply', () => {
  test.each([
    ['arrays', arrays],
    ['objects', objects],
    ['arrays of objects', both],
    ['whitespace between its brackets', (depth: number) => arrays(depth).replaceAll('[', ' [ ')],
    ['items before the deep one', (depth: number) => `[1,"]]]",{"b":[]},${arrays(depth - 1)}]`],
    ['deep fields after many shallow ones', (depth: number) => `[${'[],'.repeat(5000)}${arrays(depth - 1)}]`],
  ])('is true from one level more than the maximum on: %s', (_, text) => {
    expect(isNestedTooDeeply(text(MAX_NESTING))).toBe(false);
    expect(isNestedTooDeeply(text(MAX_NESTING + 2))).toBe(true);
    expect(isNestedTooDeeply(text(100_000))).toBe(true);
  });

  test.each([
    ['brackets in strings', JSON.stringify([arrays(10_000), objects(10_000)])],
    ['brackets behind an escaped quote', JSON.stringify([`"${arrays(10_000)}`, `\\"${arrays(10_000)}\\`])],
    ['many brackets side by side', `[${'[],{},'.repeat(10_000)}1]`],
    ['an empty text', ''],
  ])('is false for %s', (_, text) => {
    expect(isNestedTooDeeply(text)).toBe(false);
  });

  test('ends for text that is not JSON', () => {
    const text = fc.string({
      unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', '1'),
      minLength: 1100,
      maxLength: 3000,
    });
    fc.assert(fc.property(text, (odd) => typeof isNestedTooDeeply(odd) === 'boolean'));
  });
});

describe('jsonOf', () => {
  test.each([
    ['arrays', `[0,${arrays(20_000)},null]`],
    ['objects', `{"x":${objects(20_000, '"\\"é"')},"y":[true,1.5]}`],
    ['both, with empty ones', both(20_000).replace('1', '[{},[]]')],
  ])('gives the text of a value of any depth: %s', (_, text) => {
    expect(jsonOf(JSON.parse(text))).toBe(text);
  });

  test('gives what JSON.stringify gives, and throws what it throws', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => jsonOf(value) === JSON.stringify(value)));
    expect(() => jsonOf({ n: 1n })).toThrow(TypeError);
  });
});

describe('MAX_NESTING', () => {
  const steps: Readonly<Record<string, (value: unknown) => unknown>> = {
    'JSON.stringify': (value) => JSON.stringify(value),
    'structured clone': (value) => structuredClone(value),
    'v8.serialize and back': (value) => deserialize(serialize(value)) as unknown,
    'the prediction of a line': toJson,
    'an estimate of its bytes': roughBytes,
    'the key of arguments': canonicalJson,
    'the copy of a message': (value) => ownBytes(value),
    'the fingerprint of an asked element': fingerprintOf,
    'an id with all its digits': (value) =>
      fieldReader('id')({ id: 2 ** 60 }, `{"id":${2 ** 60},"v":${JSON.stringify(value)}}`),
  };

  test.each(Object.entries(steps))('is a depth that %s survives twice over', (_, step) => {
    for (const text of [arrays, objects, both]) {
      expect(() => step(JSON.parse(text(2 * MAX_NESTING, '0.5')))).not.toThrow();
    }
  });
});
