import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import sharp from 'sharp';
import { checkImage } from '../../lib/formats/check-image.ts';
import { decompress, openObject } from '../../lib/formats/compression.ts';
import { bodyGroups, type FrameHeader, FrameReader, frameParts } from '../../lib/hosts/frames.ts';
import { decodeEntries, encodeEntries } from '../../lib/inference/engine/journal-bytes.ts';
import { hasJpegEnd, tidyJpeg } from '../../lib/models/jpeg-segments.ts';
import { toNumber } from '../../lib/models/number-parsing.ts';
import { readOnnxGraph } from '../../lib/models/onnx-graph.ts';
import { memorySource } from '../../test/formats/sources.ts';
import { below } from '../simulation/chance.ts';
import { hold } from '../violation.ts';
import { isOwnError, type Target, textSeeds } from './target.ts';

const TEXT = Buffer.from('{"n":1}\n{"n":2}\n'.repeat(20));
const MAX_PIXELS = 1_000_000;
const MODELS = ['double', 'two-inputs', 'sequence', 'bfloat16'] as const;

/** Frames whose bodies are allocated: a prefix of a host states any length, and a supervisor believes its own host. */
const MAX_BODY_BYTES = 1024 * 1024;

function frame(header: FrameHeader, ...groups: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frameParts(
      header,
      groups.map((group) => [group]),
    ),
  );
}

/** Parsers of bytes that are not text. Their seeds take some time to make. */
export async function binaryTargets(): Promise<readonly Target[]> {
  const image = sharp({ create: { width: 12, height: 8, channels: 3, background: '#a53' } });
  const jpeg = await image.clone().jpeg().toBuffer();
  const others = await Promise.all([
    image.clone().png().toBuffer(),
    image.clone().webp().toBuffer(),
    image.clone().gif().toBuffer(),
    image.clone().tiff().toBuffer(),
    image.clone().jpeg({ progressive: true }).toBuffer(),
  ]);
  return [
    {
      name: 'image headers',
      seeds: [jpeg, ...others, Buffer.from('<svg width="3" height="4"></svg>')],
      parse: (bytes) => checkImage(bytes, 'a', MAX_PIXELS),
    },
    {
      name: 'JPEG segments',
      seeds: [jpeg, others.at(-1) ?? jpeg],
      parse: (bytes) => {
        tidyJpeg(bytes);
        hasJpegEnd(bytes);
      },
    },
    {
      name: 'gzip and zstd',
      seeds: [gzipSync(TEXT), zstdCompressSync(TEXT), Buffer.concat([gzipSync(TEXT), gzipSync('x')]), TEXT],
      parse: async (bytes, random) => {
        const source = memorySource(bytes, 1 + below(64, random));
        const { compression } = await openObject(source, random() < 0.5 ? 'a.gz' : 'a.jsonl');
        const started = compression ?? (random() < 0.5 ? 'gzip' : 'zstd');
        for await (const _ of decompress(source, started));
      },
      isDocumented: isOwnError,
    },
    {
      name: 'frames between hosts',
      seeds: [frame({ kind: 'a' }), frame({ kind: 'b' }, Buffer.from('12345'), Buffer.alloc(16))],
      parse: readFrames,
      isDocumented: (error) => error instanceof SyntaxError || error instanceof TooLongError,
    },
    {
      name: 'staged answers',
      seeds: [Buffer.from(encodeEntries([{ model: 0, place: '1', fingerprint: 'f', tries: 1 }]))],
      parse: (bytes) => decodeEntries(bytes),
    },
    {
      name: 'ONNX graphs',
      seeds: modelSeeds(),
      parse: readGraph,
    },
    {
      name: 'numbers in text',
      seeds: textSeeds('12.5e-3', '-7', ' 0x1 ', 'nan', '-inf', 'True', '9'.repeat(40), '1.'),
      parse: (bytes) => {
        for (const datatype of ['FP64', 'INT8', 'INT64', 'BOOL'] as const) toNumber(bytes.toString(), datatype);
      },
    },
  ];
}

function modelSeeds(): readonly [Buffer, ...Buffer[]] {
  const [first, ...others] = MODELS;
  return [modelBytes(first), ...others.map(modelBytes)];
}

function modelBytes(name: string): Buffer {
  return readFileSync(new URL(`../../test/models/${name}.onnx`, import.meta.url));
}

/** The reader takes a path, as models are files. */
function readGraph(bytes: Buffer): void {
  const folder = mkdtempSync(join(tmpdir(), 'fabric-fuzz-'));
  try {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, bytes);
    readOnnxGraph(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

class TooLongError extends Error {
  override readonly name = 'TooLongError';
}

/** Any cut into chunks gives the same frames. */
function readFrames(bytes: Buffer, random: () => number): void {
  const read = (size: number): string => {
    const frames: string[] = [];
    const reader = new FrameReader<FrameHeader>({
      onFrame: (header, body) =>
        frames.push(JSON.stringify([header, bodyGroups(header, body).map((group) => group.length)])),
      allocate: (length) => {
        if (length > MAX_BODY_BYTES || !(length >= 0)) throw new TooLongError('a body is too long');
        return new Uint8Array(length);
      },
    });
    if (bytes.length >= 4 && bytes.readUInt32LE(0) > MAX_BODY_BYTES) throw new TooLongError('a header is too long');
    for (let start = 0; start < bytes.length; start += size) reader.push(bytes.subarray(start, start + size));
    return frames.join();
  };
  const atOnce = read(Math.max(1, bytes.length));
  hold(read(1 + below(20, random)) === atOnce, 'wrong value', 'frames depend on their chunks');
}
