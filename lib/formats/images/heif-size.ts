import { asBuffer } from '../records.ts';
import { type Box, boxesIn } from './heif-boxes.ts';

/** Brands of the images that HEIF files (ISO/IEC 23008-12) start with. */
const BRANDS: ReadonlySet<string> = new Set(['avif', 'mif1', 'msf1', 'heic', 'heix', 'hevc', 'hevx']);
const FTYP_BRAND = 8;
const SIZE_BYTES = 4;
/** Version and flags of a full box, which come before its content. */
const FULL_BOX_BYTES = 4;
/** Full box header, width and height. */
const ISPE_BYTES = 12;

export interface HeifSize {
  /** Major brand of the file. */
  readonly type: string;
  readonly width: number;
  readonly height: number;
}

/** Checks whether the bytes begin as a HEIF file (HEIC, AVIF) does. */
export function isHeif(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, FTYP_BRAND + SIZE_BYTES)).toString('latin1');
  return head.startsWith('ftyp', SIZE_BYTES) && BRANDS.has(head.slice(FTYP_BRAND));
}

/**
 * Reads the size of the largest image in a HEIF file from the boxes `meta`, `iprp`, `ipco`, `ispe` (ISO/IEC 23008-12,
 * 6.5.3). Each box is passed once. Returns undefined if there is no size.
 */
export function heifSize(file: Uint8Array): HeifSize | undefined {
  const bytes = asBuffer(file);
  const meta = childOf(bytes, { start: 0, end: bytes.length }, 'meta');
  const content = meta && { ...meta, start: meta.start + FULL_BOX_BYTES };
  const properties = content && childOf(bytes, content, 'iprp');
  const container = properties && childOf(bytes, properties, 'ipco');
  if (container === undefined) return undefined;
  let largest: Omit<HeifSize, 'type'> | undefined;
  for (const { type, start, end } of boxesIn(bytes, container.start, container.end)) {
    if (type !== 'ispe' || end - start < ISPE_BYTES) continue;
    const width = bytes.readUInt32BE(start + FULL_BOX_BYTES);
    const height = bytes.readUInt32BE(start + FULL_BOX_BYTES + SIZE_BYTES);
    if (largest === undefined || width * height > largest.width * largest.height) largest = { width, height };
  }
  return largest && { type: bytes.toString('latin1', FTYP_BRAND, FTYP_BRAND + SIZE_BYTES), ...largest };
}

function childOf(bytes: Buffer, { start, end }: Omit<Box, 'type'>, type: string): Box | undefined {
  for (const box of boxesIn(bytes, start, end)) if (box.type === type) return box;
  return undefined;
}
