import { gzipSync, zstdCompressSync } from 'node:zlib';
import { s3Event } from '../../test/jobs/intake/s3-event.ts';
import type { OutgoingMessage } from '../../lib/stores/message-queue.ts';
import type { World } from './world.ts';

/** Position of an element in its object, and its number. */
export interface Expected {
  readonly id: string;
  /** Its byte offset in the uncompressed object. */
  readonly position: number;
  readonly n: number;
}

/** An object in the input bucket. */
export interface Dropped {
  readonly key: string;
  readonly etag: string;
  readonly versionId?: string | undefined;
  readonly byteLength: number;
  readonly elements: readonly Expected[];
}

export interface DropOptions {
  readonly pipeline: string;
  readonly name: string;
  /** First number of its elements. @default 0 */
  readonly first?: number;
  readonly count: number;
  /** @default the object is not compressed */
  readonly compression?: 'gz' | 'zst' | undefined;
}

interface Content {
  readonly text: string;
  /** Byte offset of each element. */
  readonly positions: readonly number[];
}

/** Formats whose elements are named by their index, and not by their offset. */
const INDEXED = 'array';

/** Writes the numbers from `first` on in a pipeline's format. */
const CONTENTS: Readonly<Record<string, (numbers: readonly number[]) => Content>> = {
  lines: (numbers) =>
    joined(
      '',
      numbers.map((n) => `${JSON.stringify({ n })}\n`),
    ),
  rows: (numbers) =>
    joined(
      'n\n',
      numbers.map((n) => (n % 3 === 0 ? `"${n}"\n` : `${n}\n`)),
    ),
  array: (numbers) =>
    joined(
      '[',
      numbers.map((n, index) => `{"n": ${n}}${index < numbers.length - 1 ? ',\n' : ']'}`),
    ),
  objects: (numbers) => joined('', numbers.map(String)),
};

function joined(head: string, records: readonly string[]): Content {
  const positions: number[] = [];
  let offset = head.length;
  for (const record of records) {
    positions.push(offset);
    offset += record.length;
  }
  return { text: head + records.join(''), positions };
}

/** Puts an object of numbers in the input bucket. */
export async function drop(world: World, options: DropOptions): Promise<Dropped> {
  const { pipeline, first = 0, count, compression } = options;
  const name = compression === undefined ? options.name : `${options.name}.${compression}`;
  const numbers = Array.from({ length: count }, (_, index) => first + index);
  const { text, positions } = CONTENTS[pipeline]?.(numbers) ?? { text: '', positions: [] };
  const elements = numbers.map((n, index) => {
    const position = positions[index] ?? 0;
    return { id: `${name}#${pipeline === INDEXED ? index : position}`, position, n };
  });
  return { ...(await put(world, `${pipeline}/${name}`, compressed(text, compression))), elements };
}

function compressed(text: string, compression: DropOptions['compression']): Uint8Array {
  if (compression === 'gz') return gzipSync(text);
  return compression === 'zst' ? zstdCompressSync(text) : Buffer.from(text);
}

/** Puts any object in the input bucket. */
export async function put(
  { calm, input }: World,
  key: string,
  body: string | Uint8Array,
): Promise<Omit<Dropped, 'elements'>> {
  const bytes = Buffer.from(body);
  const written = await calm.put({ bucket: input, key }, bytes);
  const info = await calm.head({ bucket: input, key });
  return { key, etag: written?.etag ?? '', versionId: info?.versionId, byteLength: bytes.length };
}

/** The event of an object, and where there are several of a key, which is the newest. */
export function eventOf(
  { input }: World,
  { key, etag, versionId, byteLength }: Omit<Dropped, 'elements'>,
  sequencer?: string,
): OutgoingMessage {
  const order = sequencer === undefined ? {} : { sequencer };
  return { body: s3Event([{ bucket: input, key, etag, versionId, byteLength, ...order }]) };
}
