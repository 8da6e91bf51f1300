import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow } from '../../jobs/run/run-inputs.ts';
import { localSession } from './local-session.ts';

describe('elements in a message from any producer', () => {
  test('are answered in parts that are named for the message, each failure by itself', async () => {
    const { fabric, output, done, logged } = await localSession();
    const elements = [
      { id: 'one', input: { n: 1 } },
      { id: 'two', input: { n: -2 } },
      'no element',
      { id: 'four', input: { n: 4 } },
    ];
    const body = JSON.stringify({ version: 1, kind: 'elements', pipeline: 'numbers', elements });
    await fabric.queues.bundles.get('numbers')?.queue.send([{ body }]);
    await done();
    expect(logged).toEqual([]);

    const files = await filesBelow(join(output, 'numbers/_elements'));
    const [errors = '', part = '', ...more] = files.toSorted((one, other) => other.length - one.length);
    expect(more).toEqual([]);
    expect(part).toMatch(/^\d{4}-\d\d-\d\d\/\d\d\/[0-9a-f-]{36}\.jsonl$/);
    expect(errors).toBe(part.replace(/[^/]+$/, (name) => `errors/${name}`));
    const read = async (name: string): Promise<unknown[]> => {
      const text = await readFile(join(output, 'numbers/_elements', name), 'utf8');
      return text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
    };
    expect(await read(part)).toMatchObject([
      { id: 'one', prediction: 2 },
      { id: 'four', prediction: 8 },
    ]);
    expect(await read(errors)).toMatchObject([
      { id: 'two', stage: 'map', error: { name: 'RangeError', message: 'no negative numbers' } },
      { stage: 'read', input: '"no element"' },
    ]);
  });
});
