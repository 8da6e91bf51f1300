import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { ReadAhead } from '../../lib/formats/read-ahead.ts';

const MIB = 1024 * 1024;
const MAX_AHEAD_BYTES = 8 * MIB;

/** An object to read: its size is known after so many turns, and its content is there after so many more. */
interface Sized {
  readonly bytes: number;
  readonly turns: number;
}

const sized = (bytes: fc.Arbitrary<number>): fc.Arbitrary<Sized> =>
  fc.record({ bytes, turns: fc.integer({ min: 0, max: 3 }) });
const small = sized(fc.integer({ min: MIB / 2, max: MIB }));
const large = sized(fc.integer({ min: MIB + 1, max: 100 * MIB }));
const many = (object: fc.Arbitrary<Sized>): fc.Arbitrary<Sized[]> => fc.array(object, { maxLength: 60, size: 'max' });

describe('ReadAhead', () => {
  test('gives all in order and holds no more than 8 large ones, whatever sizes follow upon each other', async () => {
    const run = fc.oneof(many(small), many(large), many(fc.oneof(small, large)));
    const objects = fc.tuple(many(small), run, run).map((runs) => runs.flat());
    await fc.assert(
      fc.asyncProperty(objects, fc.integer({ min: 0, max: 3 }), async (objects, turnsOfTaker) => {
        const held = new Holdings();
        await using ahead = open(objects, held);
        for (const object of objects) {
          expect(await ahead.next()).toBe(object);
          held.drop(object.bytes);
          await turns(turnsOfTaker);
        }
        expect(held.mostLarge).toBeLessThanOrEqual(8);
        expect(held.mostSmallBytes).toBeLessThanOrEqual(MAX_AHEAD_BYTES + 16 * MIB);
      }),
      { numRuns: 60 },
    );
  });

  test('goes on to read 8 ahead where they are large, as each is taken', async () => {
    const objects = Array.from({ length: 20 }, () => ({ bytes: 8 * MIB, turns: 0 }));
    const held = new Holdings();
    await using ahead = open(objects, held);
    for (let taken = 1; taken <= 12; taken += 1) {
      await ahead.next();
      await turns(5);
      expect(held.begun).toBe(taken + 8);
    }
  });

  test('begins nothing and reads nothing more once it is disposed of', async () => {
    const held = new Holdings();
    // The first one is small, so that twice as many are begun, of which half have no room.
    const objects = [{ bytes: 0, turns: 0 }, ...Array.from({ length: 40 }, () => ({ bytes: 2 * MIB, turns: 3 }))];
    const ahead = open(objects, held);
    await ahead.next();
    await turns(10);
    const { begun } = held;
    expect(begun).toBeGreaterThan(9);
    expect(held).toMatchObject({ read: 9, underWay: begun - 9 });
    await ahead[Symbol.asyncDispose]();
    await turns(10);
    expect(held).toMatchObject({ begun, read: 9, underWay: 0 });
  });

  test('throws what a read threw in its turn, and to nobody where it has none', async () => {
    const failing = new FabricError('STORE_UNAVAILABLE', 'Cannot read it', { disposition: 'retry' });
    const options = { bytesOf: () => 0, maxAhead: 64, maxAheadBytes: MAX_AHEAD_BYTES };
    const read = async (place: number): Promise<number> => {
      if (place > 1) throw failing;
      return place;
    };
    await using ahead = new ReadAhead([0, 1, 2, 3, 4], { ...options, read });
    expect([await ahead.next(), await ahead.next()]).toEqual([0, 1]);
    await expect(ahead.next()).rejects.toBe(failing);
    await using untaken = new ReadAhead([0, 1, 2, 3, 4], { ...options, read });
    await untaken.next();
    await turns(3);
  });
});

/** What was read and not taken. */
class Holdings {
  begun = 0;
  read = 0;
  underWay = 0;
  mostLarge = 0;
  mostSmallBytes = 0;
  #large = 0;
  #smallBytes = 0;

  add(bytes: number): void {
    this.read += 1;
    if (bytes > MIB) this.#large += 1;
    else this.#smallBytes += bytes;
    this.mostLarge = Math.max(this.mostLarge, this.#large);
    this.mostSmallBytes = Math.max(this.mostSmallBytes, this.#smallBytes);
  }

  drop(bytes: number): void {
    if (bytes > MIB) this.#large -= 1;
    else this.#smallBytes -= bytes;
  }
}

function open(objects: readonly Sized[], held: Holdings): ReadAhead<Sized, Sized> {
  const read = async (object: Sized, room: (bytes: number) => Promise<void>): Promise<Sized> => {
    held.begun += 1;
    held.underWay += 1;
    try {
      await turns(object.turns);
      await room(object.bytes);
      // From here on its bytes come.
      held.add(object.bytes);
      await turns(object.turns);
      return object;
    } finally {
      held.underWay -= 1;
    }
  };
  return new ReadAhead(objects, { read, bytesOf: ({ bytes }) => bytes, maxAhead: 64, maxAheadBytes: MAX_AHEAD_BYTES });
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await setImmediate();
}
