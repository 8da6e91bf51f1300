import type { ImageKind } from '../image-signature.ts';
import { countTiffPages } from './tiff-pages.ts';

const RIFF_HEADER_BYTES = 12;
const GIF_HEADER_BYTES = 13;
const GIF_EXTENSION = 0x21;
const GIF_IMAGE = 0x2c;

/**
 * Counts the frames of an animation, or the pages of a TIFF, without decoding them. A decoder lists all of them even if
 * it decodes one: WebP's takes time that grows with the square of their number, TIFF's some 11 KB of memory for each.
 *
 * @param most - it stops counting above this number.
 */
export function countFrames(bytes: Buffer, kind: ImageKind, most: number): number {
  switch (kind) {
    case 'webp':
      return countWebpFrames(bytes, most);
    case 'gif':
      return countGifFrames(bytes, most);
    case 'tiff':
      return countTiffPages(bytes, most);
    case 'jpeg':
    case 'png':
    case 'heif':
      return 1;
  }
}

function countWebpFrames(bytes: Buffer, most: number): number {
  let count = 0;
  let at = RIFF_HEADER_BYTES;
  while (at + 8 <= bytes.length && count <= most) {
    if (bytes.toString('latin1', at, at + 4) === 'ANMF') count += 1;
    const byteLength = bytes.readUInt32LE(at + 4);
    at += 8 + byteLength + (byteLength % 2);
  }
  return count;
}

function countGifFrames(bytes: Buffer, most: number): number {
  let count = 0;
  let at = GIF_HEADER_BYTES + tableBytes(bytes[10]);
  while (at < bytes.length && count <= most) {
    const block = bytes[at];
    if (block === GIF_EXTENSION) at += 2;
    else if (block === GIF_IMAGE) {
      count += 1;
      // The descriptor, its table of colours, and the size of the first codes.
      at += 10 + tableBytes(bytes[at + 9]) + 1;
    } else return count;
    at = endOfSubBlocks(bytes, at);
  }
  return count;
}

/** Returns the size of a table of colours from the flags that announce it. */
function tableBytes(flags = 0): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 0x07) + 1);
}

function endOfSubBlocks(bytes: Buffer, from: number): number {
  let at = from;
  for (let size = bytes[at]; size !== undefined && size !== 0; size = bytes[at]) at += 1 + size;
  return at + 1;
}
