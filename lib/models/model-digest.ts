import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocationScanner } from './external-data.ts';

/** Hexadecimal digits of a digest that a result line shows. */
const SHOWN_DIGITS = 12;
/** Read at once: large enough that a read costs little beside its hashing. */
const CHUNK_BYTES = 1024 * 1024;

/** A model's files as they were when they were read. */
export interface ModelContent {
  /** The SHA-256 in hexadecimal of the model, and of the files with its weights in the order of their names. */
  readonly digest: string;
  /** The files that hold its weights, relative to its own folder. */
  readonly locations: readonly string[];
  /** What {@link stampOfModel} gave when reading began: another one later says that a file was changed or replaced. */
  readonly stamp: string;
}

/** Reads an ONNX model, and the files that hold its weights (external data) where it has such. */
export async function readModelContent(path: string): Promise<ModelContent> {
  const hash = createHash('sha256');
  const scanner = new LocationScanner();
  const stamps = [await stampOfFile(path)];
  await eachChunk(path, (chunk) => {
    hash.update(chunk);
    scanner.push(chunk);
  });
  for (const location of scanner.locations) {
    const weights = join(dirname(path), location);
    stamps.push(await stampOfFile(weights));
    await eachChunk(weights, (chunk) => void hash.update(chunk));
  }
  return { digest: hash.digest('hex'), locations: scanner.locations, stamp: stamps.join(' ') };
}

/** What tells the files of a model from others at the same paths, and from themselves once they were written to. */
export async function stampOfModel(path: string, locations: readonly string[]): Promise<string> {
  const files = [path, ...locations.map((location) => join(dirname(path), location))];
  return (await Promise.all(files.map(stampOfFile))).join(' ');
}

export async function stampOfFile(path: string): Promise<string> {
  return stampOf(await stat(path, { bigint: true }));
}

/** A file's number, size and time of change. */
export function stampOf({ ino, size, mtimeNs }: Pick<BigIntStats, 'ino' | 'size' | 'mtimeNs'>): string {
  return `${ino}-${size}-${mtimeNs}`;
}

/** The SHA-256 of an ONNX model in hexadecimal, as {@link ModelContent} says. */
export async function digestOfOnnxModel(path: string): Promise<string> {
  return (await readModelContent(path)).digest;
}

export function shownDigest(digest: string): string {
  return digest.slice(0, SHOWN_DIGITS);
}

/** Calls `take` with the bytes of a file in order; they are gone when it returns. */
async function eachChunk(path: string, take: (chunk: Uint8Array) => void): Promise<void> {
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return;
    take(buffer.subarray(0, bytesRead));
  }
}
