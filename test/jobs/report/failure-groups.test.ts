import { describe, expect, test } from 'vitest';
import { FailureGroups } from '../../../lib/jobs/report/failure-groups.ts';

interface Given {
  readonly stage?: string;
  readonly name?: string;
  readonly message: string;
  readonly at?: string;
  readonly input?: unknown;
}

/** An errors line as a worker writes it. */
function lineOf({ stage = 'map', name = 'TypeError', message, at, input = 1 }: Given, index: number): string {
  const error = { name, message, ...(at === undefined ? {} : { at }) };
  return JSON.stringify({ id: `e#${index}`, key: 'k', stage, error, attempts: 1, input, source: { ordinal: index } });
}

function grouped(given: readonly Given[]): FailureGroups {
  const groups = new FailureGroups();
  for (const [index, one] of given.entries()) groups.addLine(lineOf(one, index));
  return groups;
}

function countsOf(groups: FailureGroups): readonly (readonly [message: string, count: number])[] {
  return groups.list().map(({ error, count }) => [error.message, count]);
}

describe('FailureGroups', () => {
  test('counts failures by stage, name, message and place, the largest group first, with the first one’s id', () => {
    const message = "Cannot read properties of undefined (reading 'age')";
    const failures: Given[] = [
      { message: 'rare' },
      { message, at: 'pre.ts:4:19' },
      { message, at: 'pre.ts:4:19' },
      { message, at: 'pre.ts:9:1' },
      { message, stage: 'filter' },
      { message, name: 'RangeError' },
    ];
    const groups = grouped(failures);
    expect(groups.total).toBe(6);
    expect(groups.list()).toHaveLength(5);
    expect(groups.list()[0]).toEqual({
      stage: 'map',
      error: { name: 'TypeError', message, at: 'pre.ts:4:19' },
      count: 2,
      id: 'e#1',
      isVaried: false,
    });
  });

  test.each([
    ['numbers', 'got 1 for 12', 'got -3.5e7 for 1,000', true],
    ['texts in double quotes', 'Unexpected token, "a \\" b" is not JSON', 'Unexpected token, "c" is not JSON', true],
    ['digests', 'no object 0f3a12bc9d', 'no object 93b7e2a80c', true],
    ['UUIDs', 'id 123e4567-e89b-12d3-a456-426614174000', 'id 923e4567-e89b-12d3-a456-426614174abc', true],
    ['names in single quotes', "input 'X' is missing", "input 'Y' is missing", false],
    ['numbers in names', "column 'c 1' is missing", "column 'c 2' is missing", false],
    ['types', 'must be FP32', 'must be FP64', false],
    ['words', "can't be read, doesn't end", "can't be read, won't end", false],
  ])('takes messages that differ by %s for one or two reasons', (_, one, other, isOne) => {
    const groups = grouped([{ message: one }, { message: other }, { message: one }]);
    const both = [
      [one, 2],
      [other, 1],
    ] as const;
    expect(countsOf(groups)).toEqual(isOne ? [[one, 3]] : both);
    expect(groups.list().map(({ isVaried }) => isVaried)).toEqual(isOne ? [true] : [false, false]);
  });

  test('keeps the whole message of the first', () => {
    const message = `${'long '.repeat(2000)}\nend`;
    expect(countsOf(grouped([{ message }]))).toEqual([[message, 1]]);
  });

  test('makes one group of more than ten that differ by names alone, whatever part they are in', () => {
    const named = Array.from({ length: 15 }, (_, n) => ({ message: `no model for 'user_${n}'` }));
    expect(countsOf(grouped(named))).toEqual([[named[0]?.message, 15]]);
    expect(countsOf(grouped(named.slice(0, 10)))).toHaveLength(10);
    const [one, other] = [grouped(named.slice(0, 9)), grouped(named.slice(3))];
    one.merge(other);
    expect(countsOf(one)).toEqual([[named[0]?.message, 21]]);
    expect(one.list()[0]).toMatchObject({ id: 'e#0', isVaried: true });
  });

  test('keeps a thousand reasons, and counts what failed for others', () => {
    const words = Array.from({ length: 1200 }, (_, n) => ({ message: `w${'x'.repeat(n)}` }));
    const groups = grouped([...words, { message: 'w' }]);
    expect(groups.list()).toHaveLength(1000);
    expect([groups.total, groups.others]).toEqual([1201, 200]);
    const all = new FailureGroups();
    all.merge(groups);
    expect([all.total, all.others]).toEqual([1201, 200]);
  });

  test('is not misled by ids, messages and inputs that look like the parts of a line', () => {
    const groups = new FailureGroups();
    const trick = '"},"attempts":1,"stage":"fake","error":{"name":"';
    const line = { id: `,"stage":"${trick}`, stage: 'map', error: { name: 'E', message: trick } };
    groups.addLine(JSON.stringify({ ...line, attempts: 1, input: { stage: 'x', error: trick }, source: {} }));
    expect(groups.list()).toEqual([{ ...line, count: 1, isVaried: false }]);
  });

  test('reads lines that another program wrote', () => {
    const groups = new FailureGroups();
    groups.addLine('{"source":{}, "error": {"name":"E","message":"m"}, "stage": "map", "id": "a"}');
    expect(groups.list()).toMatchObject([{ id: 'a', stage: 'map', count: 1 }]);
  });
});
