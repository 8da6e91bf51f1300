/** Kind of image whose decoder needs only the samples. AVIF is HEIF with one of its codecs. */
export type ImageKind = 'jpeg' | 'png' | 'gif' | 'tiff' | 'webp' | 'heif';

interface Signature {
  readonly kind: ImageKind;
  readonly bytes: string;
  /** Offset of the bytes. */
  readonly at: number;
}

const SIGNATURES: readonly Signature[] = [
  { kind: 'jpeg', at: 0, bytes: '\xff\xd8' },
  { kind: 'png', at: 0, bytes: '\x89PNG' },
  { kind: 'gif', at: 0, bytes: 'GIF8' },
  { kind: 'tiff', at: 0, bytes: 'II*\0' }, // TIFF, and BigTIFF behind it
  { kind: 'tiff', at: 0, bytes: 'MM\0*' },
  { kind: 'tiff', at: 0, bytes: 'II+\0' },
  { kind: 'tiff', at: 0, bytes: 'MM\0+' },
  { kind: 'webp', at: 8, bytes: 'WEBP' },
  { kind: 'heif', at: 4, bytes: 'ftyp' },
];
const SIGNATURE_BYTES = 12;

/** An SVG's root element follows its declarations and comments. */
const SVG_HEAD_BYTES = 4096;
const SVG_ROOT = /<(?:[\w.-]{1,64}:)?svg[\s/>]/i;

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8;
}

/** Returns the kind of image that begins with these bytes; undefined for any other content, such as an SVG. */
export function imageKindOf(bytes: Uint8Array): ImageKind | undefined {
  const head = Buffer.from(bytes.subarray(0, SIGNATURE_BYTES)).toString('latin1');
  return SIGNATURES.find((signature) => head.startsWith(signature.bytes, signature.at))?.kind;
}

/** Checks whether the bytes begin as an SVG does, in UTF-8 or UTF-16. */
export function isSvg(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, SVG_HEAD_BYTES)).toString('latin1').replaceAll('\0', '');
  return SVG_ROOT.test(head);
}
