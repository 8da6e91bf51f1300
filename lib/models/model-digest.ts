import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocationScanner } from './external-data.ts';
import { type FileSelection, folderDigest, isFolder, namesInFolder } from './folder-files.ts';

/** Hexadecimal digits of a digest that a result line shows. */
const SHOWN_DIGITS = 12;
/** Read at once: large enough that a read costs little beside its hashing. */
const CHUNK_BYTES = 1024 * 1024;

/** A model's files as they were when they were read. */
export interface ModelContent {
  /**
   * SHA-256 in hexadecimal of the model file and the files with its weights, in the order of their names; of a folder
   * its {@link folderDigest}.
   */
  readonly digest: string;
  readonly path: string;
  /** Files that hold the weights of an ONNX model, relative to its own folder; undefined if the model is a folder. */
  readonly locations: readonly string[] | undefined;
  /** Selects the files of a folder. @default all of them */
  readonly select?: FileSelection | undefined;
  /** Result of {@link stampOfModel} before the files were read. It differs once a file is changed or replaced. */
  readonly stamp: string;
}

/** Reads a model folder, or a model file and the files with its weights (ONNX external data) if it has them. */
export async function readModelContent(path: string, select?: FileSelection): Promise<ModelContent> {
  if (await isFolder(path)) return readFolder(path, select);
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
  return { digest: hash.digest('hex'), path, locations: scanner.locations, stamp: stamps.join(' ') };
}

async function readFolder(path: string, select: FileSelection | undefined): Promise<ModelContent> {
  const stamp = await stampOfFolder(path, select);
  const digests = new Map<string, string>();
  for (const name of await selectedNames(path, select)) {
    const hash = createHash('sha256');
    await eachChunk(join(path, name), (chunk) => void hash.update(chunk));
    digests.set(name, hash.digest('hex'));
  }
  return { digest: folderDigest(digests), path, locations: undefined, stamp, select };
}

/** Returns a stamp of a model's files. Other files at the same paths have another stamp, and so do changed files. */
export async function stampOfModel(content: Pick<ModelContent, 'path' | 'locations' | 'select'>): Promise<string> {
  const { path, locations, select } = content;
  if (locations === undefined) return stampOfFolder(path, select);
  const files = [path, ...locations.map((location) => join(dirname(path), location))];
  return (await Promise.all(files.map(stampOfFile))).join(' ');
}

async function selectedNames(path: string, select: FileSelection | undefined): Promise<readonly string[]> {
  const names = await namesInFolder(path);
  return select === undefined ? names : select(names, path);
}

async function stampOfFolder(path: string, select: FileSelection | undefined): Promise<string> {
  const names = await selectedNames(path, select);
  const stamps = await Promise.all(names.map((name) => stampOfFile(join(path, name))));
  return names.map((name, index) => `${name} ${stamps[index]}`).join('\n');
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
async function eachChunk(path: string, onChunk: (chunk: Uint8Array) => void): Promise<void> {
  await using file = await open(path, 'r');
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return;
    onChunk(buffer.subarray(0, bytesRead));
  }
}
