import { describe, expect, test } from 'vitest';
import { areTooMany } from '../../../lib/remote/governor/too-many.ts';

const MINUTE = 60_000;
const NOW = 1000 * MINUTE;

function areSaidToBeTooMany(
  concurrency: number,
  ...seen: readonly { readonly at: number; readonly working: number }[]
) {
  return areTooMany({ concurrency, runs: seen.map(({ at, working }) => ({ at, working, concurrency })) }, NOW);
}

describe('engines', () => {
  test('are too many if more were busy than are allowed when the governor last ran', () => {
    expect(areSaidToBeTooMany(2, { at: NOW, working: 3 })).toBe(true);
    expect(areSaidToBeTooMany(2, { at: NOW, working: 2 })).toBe(false);
    expect(areSaidToBeTooMany(2, { at: NOW - MINUTE, working: 3 }, { at: NOW, working: 2 })).toBe(false);
  });

  test('are not too many where the governor has said nothing, or has not for long', () => {
    expect(areSaidToBeTooMany(2)).toBe(false);
    expect(areSaidToBeTooMany(2, { at: NOW - 3 * MINUTE, working: 3 })).toBe(true);
    expect(areSaidToBeTooMany(2, { at: NOW - 3 * MINUTE - 1, working: 3 })).toBe(false);
  });
});
