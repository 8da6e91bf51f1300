import { posix } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readObjectKey } from '../../lib/jobs/object-keys.ts';
import { answerKey, partPlace } from '../../lib/jobs/output-layout.ts';
import { FOLDER_NAMES } from '../../lib/jobs/part-names.ts';

const PIPELINES = ['breast-cancer', 'digits2'];

function read(key: string, byteLength = 1) {
  return readObjectKey(key, byteLength, PIPELINES);
}

function reasonOf(key: string): string {
  const reading = read(key);
  if (reading.kind !== 'rejected') throw new Error(`${key} is ${reading.kind}`);
  return reading.reason;
}

describe('readObjectKey', () => {
  test.each([
    ['breast-cancer/claims.jsonl', 'breast-cancer', 'claims.jsonl'],
    ['digits2/2026/11/a b+c%2B.png', 'digits2', '2026/11/a b+c%2B.png'],
    ['digits2/日本/é…', 'digits2', '日本/é…'],
    ['digits2/.hidden/...', 'digits2', '.hidden/...'],
    ['digits2/a/_b', 'digits2', 'a/_b'],
  ])('reads the pipeline and the name of %s', (key, pipeline, name) => {
    expect(read(key)).toEqual({ kind: 'ok', pipeline, name });
  });

  test('ignores a folder as consoles make them, wherever it is', () => {
    expect(read('digits2/', 0)).toEqual({ kind: 'ignored' });
    expect(read('no-such/../', 0)).toEqual({ kind: 'ignored' });
    expect(read('digits2/folder/', 7)).toMatchObject({ kind: 'rejected', pipeline: 'digits2' });
  });

  test('takes an empty object that is no folder', () => {
    expect(read('digits2/empty.jsonl', 0)).toMatchObject({ kind: 'ok' });
  });

  test('names the pipelines there are where the key names none of them', () => {
    for (const key of ['cancer/x', 'claims.jsonl', 'Digits2/x', '/digits2/x', 'constructor/x', '']) {
      expect(reasonOf(key)).toContain('breast-cancer, digits2');
    }
    expect(readObjectKey('x/y', 1, [])).toMatchObject({ reason: expect.stringContaining('none') as string });
  });

  test.each([
    'digits2/',
    'digits2//x',
    'digits2/./x',
    'digits2/../x',
    'digits2/a/..',
    'digits2/a//b',
    'digits2/a/',
    'digits2/_elements/x',
    'digits2/_SUCCESS',
    'digits2/a\u0000b',
    'digits2/a\nb',
    'digits2/\ud800',
    `digits2/${'x'.repeat(940)}`,
    `digits2/${'é'.repeat(470)}`,
  ])('rejects %j', (key) => {
    expect(reasonOf(key)).toMatch(/\w/);
  });

  test('accepts nothing whose results could lie outside its folder, in a bucket or a tree of files', () => {
    const segment = fc.oneof(
      fc.constantFrom('', '.', '..', '...', '_x', 'a', '%2e%2e', '\\..', '~'),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
    );
    const key = fc
      .tuple(fc.constantFrom(...PIPELINES, '..', ''), fc.array(segment, { maxLength: 6 }))
      .map(([pipeline, segments]) => [pipeline, ...segments].join('/'));
    let accepted = 0;
    fc.assert(
      fc.property(key, (objectKey) => {
        const reading = read(objectKey);
        if (reading.kind !== 'ok') return;
        accepted += 1;
        const { pipeline, name } = reading;
        expect(`${pipeline}/${name}`).toBe(objectKey);
        expect(PIPELINES).toContain(pipeline);
        expect(name.startsWith('_')).toBe(false);
        const { part, errors } = partPlace(
          { folder: objectKey, names: FOLDER_NAMES, job: { pipeline: 'p', id: 'job', of: 1 } },
          0,
        );
        for (const result of [part, errors, answerKey(pipeline, name)]) {
          expect(posix.normalize(result)).toBe(result);
          expect(result.startsWith(`${pipeline}/`)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
