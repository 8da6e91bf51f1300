import { imageKindOf, isSvg } from '../image-signature.ts';
import { countFrames } from './count-frames.ts';
import { readHeifItems } from './heif-items.ts';
import { decodedPixels } from './heif-pixels.ts';
import { imageTooLarge, undecodable } from './image-errors.ts';
import { withoutCompressedText } from './png-text.ts';
import { stripBytesOf } from './tiff-pages.ts';

export interface ImageBounds {
  readonly maxPixels: number;
  readonly maxFrames: number;
}

/** Far more than real animations have, and listed by the slowest decoder in less than half a second. */
export const DEFAULT_MAX_FRAMES = 10_000;

export const SVG_REASON = 'an SVG is a document, not pixels: render it first';
const UNKNOWN_REASON = 'it is not a JPEG, PNG, WebP, GIF, TIFF or AVIF';

/** Decoded pixels of a HEIF image for each pixel of `maxPixels`: tiles stand out, and there are planes such as alpha. */
const MAX_DECODED_SHARE = 4;
/** Bytes of strips for each byte of a TIFF. Some writers state too many, but never this many. */
const MAX_STRIP_SHARE = 1000;

/**
 * Checks that bytes are an image whose decoding is bounded, before a decoder gets them: decoders do not
 * limit what they list, decompress or decode in addition to the pixels.
 *
 * @returns the bytes to decode, without metadata that is compressed.
 * @throws ElementReadError `ImageDecodeError` or `ImageTooLarge`.
 */
export function decodableImage(bytes: Uint8Array, { maxPixels, maxFrames }: ImageBounds): Uint8Array {
  const kind = imageKindOf(bytes);
  if (kind === undefined) throw undecodable(isSvg(bytes) ? SVG_REASON : UNKNOWN_REASON);
  const image = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (countFrames(image, kind, maxFrames) > maxFrames)
    throw imageTooLarge(`The image has more frames or pages than maxFrames, ${maxFrames}`);
  switch (kind) {
    case 'png':
      return withoutCompressedText(bytes);
    case 'heif':
      return decodableHeif(image, maxPixels);
    case 'tiff':
      if (stripBytesOf(image) <= MAX_STRIP_SHARE * image.length) return bytes;
      throw undecodable('its strips or tiles share their bytes');
    case 'jpeg':
    case 'gif':
    case 'webp':
      return bytes;
  }
}

function decodableHeif(image: Buffer, maxPixels: number): Buffer {
  const items = readHeifItems(image);
  if (decodedPixels(items) > MAX_DECODED_SHARE * maxPixels)
    throw imageTooLarge(
      `The image is put together from more than ${MAX_DECODED_SHARE} times as many pixels as maxPixels, ${maxPixels}`,
    );
  if (items.encodings.length === 0) return image;
  // Metadata that is said to be uncompressed is not decompressed, which can make gigabytes of megabytes.
  const copy = Buffer.from(image);
  for (const [start, end] of items.encodings) copy.fill(0, start, end);
  return copy;
}
