/** First bytes of the image formats whose decoders need only the samples, and their offset `at`. */
const RASTER_SIGNATURES: readonly { readonly at: number; readonly bytes: string }[] = [
  { at: 0, bytes: '\xff\xd8' }, // JPEG
  { at: 0, bytes: '\x89PNG' },
  { at: 0, bytes: 'GIF8' },
  { at: 0, bytes: 'II*\0' }, // TIFF, and BigTIFF behind it
  { at: 0, bytes: 'MM\0*' },
  { at: 0, bytes: 'II+\0' },
  { at: 0, bytes: 'MM\0+' },
  { at: 8, bytes: 'WEBP' },
  { at: 4, bytes: 'ftyp' }, // AVIF
];

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8;
}

/** Checks whether the bytes begin as JPEG, PNG, GIF, TIFF, WebP or AVIF do. SVG is text and does not match. */
export function isRaster(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  return RASTER_SIGNATURES.some((signature) => head.startsWith(signature.bytes, signature.at));
}
