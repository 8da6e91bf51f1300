import { beforeEach, describe, expect, test } from 'vitest';
import { type Progress, progressBuffer, pulse, sharedProgress, standing } from '../../lib/inference/progress.ts';

const place = (ordinal: number) => ({ task: 1, ordinal, stage: 2 });
let fields: Int32Array;
let progress: Progress;

beforeEach(() => {
  const buffer = progressBuffer();
  fields = new Int32Array(buffer);
  progress = sharedProgress(buffer);
});

const ordinal = (): number | undefined => standing(fields)?.ordinal;

describe('progress', () => {
  test('is in a function between its two ends, and nowhere else', () => {
    expect(standing(fields)).toBeUndefined();
    progress.enter(1, 5, 2);
    expect(standing(fields)).toMatchObject({ ...place(5), isOwnWork: false });
    progress.leave();
    expect(standing(fields)).toBeUndefined();
  });

  test('is in own work while it runs, and then where it was, whatever the work throws', () => {
    progress.enter(1, 5, 2);
    expect(progress.within(place(6), () => standing(fields))).toMatchObject({ ...place(6), isOwnWork: true });
    expect(() => progress.within(place(7), () => expect.fail('no'))).toThrow('no');
    expect(standing(fields)).toMatchObject({ ...place(5), isOwnWork: false });
    progress.leave();
    progress.within(place(8), () => {});
    expect(standing(fields)).toBeUndefined();
  });

  test('is at what is held whenever it is in nothing else, until that is disposed', () => {
    const held = progress.hold(place(3));
    expect(standing(fields)).toMatchObject({ ...place(3), isOwnWork: true });
    progress.enter(1, 4, 2);
    expect(ordinal()).toBe(4);
    progress.leave();
    expect(ordinal()).toBe(3);
    progress.within(place(5), () => expect(ordinal()).toBe(5));
    expect(ordinal()).toBe(3);
    progress.enter(1, 6, 2);
    held[Symbol.dispose]();
    expect(ordinal()).toBe(6);
    progress.leave();
    expect(standing(fields)).toBeUndefined();
  });

  test('has a pulse with each step', () => {
    const seen = new Set([pulse(fields)]);
    progress.within(place(1), () => seen.add(pulse(fields)));
    progress.beat();
    expect(seen.add(pulse(fields)).size).toBe(3);
  });
});
