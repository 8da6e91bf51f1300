import { describe, expect, test } from 'vitest';
import { nearestName, suggestion } from '../lib/nearest-name.ts';

const KNOWN = ['minBatchSize', 'maxBatchSize', 'maxBatchBytes', 'modelUri', 'temperature', 'numRetries', 'probe'];

const edits = (from: string, to: string) => nearestName(from, [to])?.edits;

describe('nearestName', () => {
  test.each([
    ['maxBatchsize', 'maxBatchSize', 0],
    ['max_batch_size', 'maxBatchSize', 0],
    ['MAX-BATCH-BYTES', 'maxBatchBytes', 0],
    ['temprature', 'temperature', 1],
    ['tempearture', 'temperature', 1],
    ['numRetires', 'numRetries', 1],
    ['batchSize', 'minBatchSize', 3],
    ['modelUrl', 'modelUri', 1],
    ['model', 'modelUri', 3],
    ['probes', 'probe', 1],
  ])('of %s is %s, %d edits away', (wrong, name, edits) => {
    expect(nearestName(wrong, KNOWN)).toEqual({ name, edits });
  });

  test.each(['voice', 'x', '', '__', 'seed'])('of %j does not exist', (wrong) => {
    expect(nearestName(wrong, KNOWN)).toBeUndefined();
    expect(suggestion(wrong, KNOWN)).toBe('');
  });

  test('counts a swap of two neighbours as one edit, as it does any other', () => {
    expect(edits('abcdefgh', 'abcdefgh')).toBe(0);
    expect(edits('bacdefgh', 'abcdefgh')).toBe(1);
    expect(edits('bacdefg', 'abcdefgh')).toBe(2);
    expect(edits('xbcdefgh', 'abcdefgh')).toBe(1);
  });
});
