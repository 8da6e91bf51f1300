import { FabricError } from '../errors.ts';

const FRAME_MAGIC = 0xfd2fb528;
/** Skippable frames have this magic number, its last digit free. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAGIC_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const RLE_BLOCK = 1;

/** Checks whether a magic number is that of a zstd frame, data or skippable. */
export function isFrameMagic(magic: number): boolean {
  return magic === FRAME_MAGIC || isSkippableMagic(magic);
}

function isSkippableMagic(magic: number): boolean {
  return magic - (magic % 16) === SKIPPABLE_MAGIC;
}

/**
 * Cuts compressed chunks so that none has bytes of two zstd frames (RFC 8878). Node's decompressor ends with the first
 * frame of a chunk, and silently drops the rest: whole frames, if files were concatenated or written by several threads.
 */
export async function* zstdFrameChunks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new FrameWalker();
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length;) {
      const end = frames.advance(chunk, from);
      yield chunk.subarray(from, end);
      from = end;
    }
  }
  if (!frames.isBetweenFrames)
    throw new FabricError('CORRUPT_COMPRESSION', 'Cannot decompress zstd: the object is cut short');
}

type Part = 'magic' | 'skippableSize' | 'descriptor' | 'frameHeader' | 'blockHeader' | 'skip';

/** Walks over the parts of frames: each is a little-endian field to read, or bytes to skip. */
class FrameWalker {
  #part: Part = 'magic';
  /** Bytes of the part that are missing, and the value of those before. */
  #missing = MAGIC_BYTES;
  #value = 0;
  #scale = 1;
  #hasChecksum = false;
  /** The part after the bytes that are skipped. */
  #afterSkip: Part = 'magic';

  get isBetweenFrames(): boolean {
    return this.#part === 'magic' && this.#missing === MAGIC_BYTES;
  }

  /** Advances from `from` to the end of the frame, or of the chunk; returns the index there. */
  advance(chunk: Uint8Array, from: number): number {
    let index = from;
    while (index < chunk.length) {
      if (this.#part === 'skip' || this.#part === 'frameHeader') {
        const step = Math.min(this.#missing, chunk.length - index);
        this.#missing -= step;
        index += step;
      } else {
        this.#value += (chunk[index++] ?? 0) * this.#scale;
        this.#scale *= 256;
        this.#missing--;
      }
      while (this.#missing === 0) this.#finishPart();
      if (this.isBetweenFrames) return index;
    }
    return index;
  }

  #finishPart(): void {
    const value = this.#value;
    switch (this.#part) {
      case 'magic':
        if (value === FRAME_MAGIC) return this.#begin('descriptor', 1);
        if (isSkippableMagic(value)) return this.#begin('skippableSize', 4);
        throw new FabricError(
          'CORRUPT_COMPRESSION',
          'Cannot decompress zstd: the object is damaged, or something else follows the compressed data',
        );
      case 'skippableSize':
        return this.#skip(value, 'magic');
      case 'descriptor':
        this.#hasChecksum = (value & 0b100) !== 0;
        return this.#begin('frameHeader', frameHeaderBytes(value));
      case 'frameHeader':
        return this.#begin('blockHeader', BLOCK_HEADER_BYTES);
      case 'blockHeader':
        return this.#finishBlockHeader(value);
      case 'skip':
        return this.#begin(this.#afterSkip, this.#afterSkip === 'magic' ? MAGIC_BYTES : BLOCK_HEADER_BYTES);
    }
  }

  #finishBlockHeader(header: number): void {
    const isLast = (header & 1) === 1;
    const byteLength = ((header >> 1) & 0b11) === RLE_BLOCK ? 1 : header >> 3;
    if (!isLast) this.#skip(byteLength, 'blockHeader');
    else this.#skip(byteLength + (this.#hasChecksum ? CHECKSUM_BYTES : 0), 'magic');
  }

  #skip(byteLength: number, next: Part): void {
    this.#afterSkip = next;
    this.#begin('skip', byteLength);
  }

  #begin(part: Part, byteLength: number): void {
    this.#part = part;
    this.#missing = byteLength;
    this.#value = 0;
    this.#scale = 1;
  }
}

/** Returns the bytes between a frame header's descriptor and its first block: window, dictionary id, content size. */
function frameHeaderBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0b100000) !== 0;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 0b11] ?? 0;
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return (isSingleSegment ? 0 : 1) + dictionaryIdBytes + contentSizeBytes;
}
