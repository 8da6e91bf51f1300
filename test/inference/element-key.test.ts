import { describe, expect, test } from 'vitest';
import { fieldReader, keyReader } from '../../lib/inference/element-key.ts';

function shown(text: string, name: string): string | undefined {
  return fieldReader(name)(JSON.parse(text), text);
}

describe('a field that is shown', () => {
  test.each([
    ['a string', '{"id":"a"}', 'id', 'a'],
    ['a safe integer', '{"id":12}', 'id', '12'],
    ['a safe integer in another notation', '{"id":1e3}', 'id', '1000'],
    ['minus zero', '{"id":-0}', 'id', '0'],
    ['the digits of an integer past 2^53', '{"id": 1447382910056730625 , "n": 1}', 'id', '1447382910056730625'],
    ['those of one below -2^53', '{"id":-9007199254740993}', 'id', '-9007199254740993'],
    ['those of one past 2^64', '{"id":123456789012345678901234567890}', 'id', '123456789012345678901234567890'],
    [
      'those of the last of two fields',
      '{"id":1447382910056730625,"id":1447382910056730627}',
      'id',
      '1447382910056730627',
    ],
    ['a field below others', '{"meta":{"id":"a"}}', 'meta.id', 'a'],
    ['digits below others', '{"id":1,"meta":{"id":1447382910056730625}}', 'meta.id', '1447382910056730625'],
    ['an item of a list', '{"ids":["a","b"]}', 'ids.1', 'b'],
    ['an item of an element that is a list', '["a",1447382910056730625]', '1', '1447382910056730625'],
    ['a field of that very name before one below others', '{"meta.id":"own","meta":{"id":"below"}}', 'meta.id', 'own'],
  ])('is %s', (_, text, name, expected) => {
    expect(shown(text, name)).toBe(expected);
    expect(keyReader(name, 'a')(JSON.parse(text), text)).toBe(expected);
  });

  test.each([
    ['a fraction', '{"id":1.5}', 'id'],
    ['a fraction past 2^53', '{"id":9007199254740993.5}', 'id'],
    ['a number in another notation that is not safe', '{"id":1e20}', 'id'],
    ['an infinity', '{"id":1e999}', 'id'],
    ['null', '{"id":null}', 'id'],
    ['a list', '{"id":[1447382910056730625]}', 'id'],
    ['not there', '{"meta":{}}', 'meta.id'],
    ['below what is no object', '{"meta":"id"}', 'meta.length'],
    ['not its own', '{}', 'toString'],
  ])('gives way where it is %s', (_, text, name) => {
    expect(shown(text, name)).toBeUndefined();
  });

  test('gives way where an integer past 2^53 has no text', () => {
    expect(fieldReader('id')({ id: 2 ** 60 })).toBeUndefined();
  });
});
