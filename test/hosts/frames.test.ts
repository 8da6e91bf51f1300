import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bodyGroups, type FrameHeader, frameParts, FrameReader } from '../../lib/hosts/frames.ts';

interface Named extends FrameHeader {
  readonly name: string;
}

interface Frame {
  readonly name: string;
  /** Each from several sources. */
  readonly groups: readonly (readonly Uint8Array[])[];
}

const frames: fc.Arbitrary<readonly Frame[]> = fc.array(
  fc.record({
    name: fc.string({ unit: 'grapheme' }),
    groups: fc.array(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 3 }), { maxLength: 4 }),
  }),
  { maxLength: 6 },
);

function bytesOf(sent: readonly Frame[]): Buffer {
  return Buffer.concat(sent.flatMap(({ name, groups }) => frameParts({ kind: 'any', name } as Named, groups)));
}

/** What a reader makes of bytes that come in pieces of these sizes, again and again. */
function received(bytes: Uint8Array, sizes: readonly number[], allocate?: (bytes: number) => Uint8Array) {
  const got: { readonly name: string; readonly groups: readonly number[][]; readonly aligned: boolean }[] = [];
  const reader = new FrameReader<Named>({
    onFrame: (header, body) => {
      const groups = bodyGroups(header, body);
      const aligned = groups.every(({ byteOffset }) => byteOffset % 8 === 0);
      got.push({ name: header.name, groups: groups.map((group) => Array.from(group)), aligned });
    },
    ...(allocate === undefined ? {} : { allocate }),
  });
  const reused = new Uint8Array(64);
  for (let at = 0, piece = 0; at < bytes.byteLength; piece += 1) {
    const size = Math.min(sizes[piece % sizes.length] ?? 1, bytes.byteLength - at);
    reused.set(bytes.subarray(at, at + size));
    reader.push(reused.subarray(0, size));
    at += size;
  }
  return got;
}

function expected(sent: readonly Frame[]) {
  return sent.map(({ name, groups }) => ({
    name,
    groups: groups.map((group) => group.flatMap((bytes) => [...bytes])),
    aligned: true,
  }));
}

describe('FrameReader', () => {
  test('puts frames together from chunks of any size, in a buffer that is used again', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 5 }), (sent, sizes) => {
        expect(received(bytesOf(sent), sizes)).toEqual(expected(sent));
      }),
    );
  });

  test('fills what it is given to fill, though that be longer than the body', () => {
    fc.assert(
      fc.property(frames, (sent) => {
        const room = new Uint8Array(4096);
        expect(received(bytesOf(sent), [7], () => room)).toEqual(expected(sent));
      }),
    );
  });

  test('is not put off by a chunk of nothing', () => {
    const sent = [{ name: 'a', groups: [[Uint8Array.of(1, 2, 3)]] }];
    const got: string[] = [];
    const reader = new FrameReader<Named>({ onFrame: ({ name }) => got.push(name) });
    for (const part of frameParts({ kind: 'any', name: 'a' } as Named, sent[0]?.groups)) {
      reader.push(new Uint8Array());
      reader.push(part);
    }
    expect(got).toEqual(['a']);
  });
});
