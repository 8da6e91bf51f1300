import { below, pick } from '../simulation/chance.ts';

/** Bytes that parsers treat in a special way, or that stand for limits. */
const TOKENS: readonly [string, ...string[]] = [
  '"',
  '""',
  '\\',
  '\\"',
  '\n',
  '\r',
  '\r\n',
  ',',
  ';',
  '\t',
  '{',
  '}',
  '[',
  ']',
  ':',
  '/',
  '..',
  '\0',
  ' ',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'null',
  'true',
  'NaN',
  '-Infinity',
  '1e999',
  '-0',
  '9'.repeat(30),
  '\uFEFF',
  '\u2028',
  '🚀',
  'ü',
  '\uD800',
  'sep=;\n',
  's3://',
  'file:',
  '%',
  '%2F',
  '{"__proto__":{"polluted":1}}',
  'data: ',
  '[DONE]',
  '[['.repeat(40),
  '{"a":'.repeat(40),
];
const MAX_MUTATIONS = 4;
const MAX_BYTES = 4096;
const MAX_REPEATS = 64;

type Mutation = (bytes: Buffer, random: () => number, other: Buffer) => Buffer;

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  // Flips a bit.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = below(copy.length, random);
    if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << below(8, random));
    return copy;
  },
  // Sets a byte.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[below(copy.length, random)] = pick([0, 0xff, 0x7f, 0x80, below(256, random)], random);
    return copy;
  },
  // Removes a piece.
  (bytes, random) => {
    const at = below(bytes.length, random);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(16, random))]);
  },
  // Inserts a token.
  (bytes, random) => insert(bytes, Buffer.from(pick(TOKENS, random)), random),
  // Truncates.
  (bytes, random) => bytes.subarray(0, below(bytes.length + 1, random)),
  // Repeats a piece.
  (bytes, random) => {
    const at = below(bytes.length, random);
    const piece = bytes.subarray(at, at + 1 + below(24, random));
    return insert(bytes, Buffer.concat(Array.from({ length: 1 + below(MAX_REPEATS, random) }, () => piece)), random);
  },
  // Joins the beginning of one with the end of another.
  (bytes, random, other) =>
    Buffer.concat([
      bytes.subarray(0, below(bytes.length + 1, random)),
      other.subarray(below(other.length + 1, random)),
    ]),
  // Sets a length field to a limit.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length >= 4)
      copy.writeUInt32LE(
        pick([0, 1, 0x7fff_ffff, 0xffff_ffff, below(64, random)], random),
        below(copy.length - 3, random),
      );
    return copy;
  },
];

function insert(bytes: Buffer, piece: Buffer, random: () => number): Buffer {
  const at = below(bytes.length + 1, random);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

/** Changes one of several valid inputs in a few places. */
export function mutated(seeds: readonly [Buffer, ...Buffer[]], random: () => number): Buffer {
  let bytes = pick(seeds, random);
  for (let left = below(MAX_MUTATIONS + 1, random); left > 0; left -= 1) {
    bytes = pick(MUTATIONS, random)(bytes, random, pick(seeds, random));
  }
  return bytes.length > MAX_BYTES ? bytes.subarray(0, MAX_BYTES) : bytes;
}
