import { type Box, boxesIn } from './heif-boxes.ts';

interface Reference {
  readonly type: string;
  readonly from: number;
  readonly to: readonly number[];
}

/** The facts of a HEIF file's items that decide how much is decoded. */
export interface HeifItems {
  readonly references: readonly Reference[];
  /** Pixels of an item, by its id. */
  readonly pixels: ReadonlyMap<number, number>;
  /** Ranges of the names of metadata compressions, `[start, end)`. */
  readonly encodings: readonly (readonly [start: number, end: number])[];
}

/** Reads the list of items. Damaged parts are omitted: the decoder refuses them. */
export function readHeifItems(bytes: Buffer): HeifItems {
  const references: Reference[] = [];
  const pixels = new Map<number, number>();
  const encodings: (readonly [number, number])[] = [];
  for (const meta of boxesIn(bytes, 0, bytes.length)) {
    if (meta.type !== 'meta') continue;
    for (const box of boxesIn(bytes, meta.start + 4, meta.end)) {
      if (box.type === 'iinf') encodings.push(...encodingsIn(bytes, box));
      else if (box.type === 'iref') references.push(...referencesIn(bytes, box));
      else if (box.type === 'iprp') addPixels(bytes, box, pixels);
    }
  }
  return { references, pixels, encodings };
}

function versionOf(bytes: Buffer, { start }: Box): number {
  return bytes[start] ?? 0;
}

function uint(bytes: Buffer, at: number, size: 1 | 2 | 4): number {
  return at + size <= bytes.length ? bytes.readUIntBE(at, size) : 0;
}

function readId(bytes: Buffer, at: number, isLong: boolean): number {
  return uint(bytes, at, isLong ? 4 : 2);
}

function* encodingsIn(bytes: Buffer, list: Box): Generator<readonly [number, number]> {
  const first = list.start + 4 + (versionOf(bytes, list) === 0 ? 2 : 4);
  for (const item of boxesIn(bytes, first, list.end)) {
    const version = versionOf(bytes, item);
    if (item.type !== 'infe' || version < 2) continue;
    const type = item.start + 4 + (version === 2 ? 2 : 4) + 2;
    if (bytes.toString('latin1', type, type + 4) !== 'mime') continue;
    // The item's name, its type of content and the compression, each with a zero after it.
    const afterName = endOfText(bytes, type + 4, item.end);
    const start = endOfText(bytes, afterName, item.end);
    if (start < item.end) yield [start, item.end];
  }
}

function endOfText(bytes: Buffer, from: number, to: number): number {
  const zero = bytes.indexOf(0, from);
  return zero === -1 ? to : Math.min(zero + 1, to);
}

function* referencesIn(bytes: Buffer, list: Box): Generator<Reference> {
  const isLong = versionOf(bytes, list) > 0;
  const idBytes = isLong ? 4 : 2;
  for (const { type, start, end } of boxesIn(bytes, list.start + 4, list.end)) {
    const first = start + idBytes + 2;
    const count = Math.min(uint(bytes, start + idBytes, 2), Math.floor((end - first) / idBytes));
    const to = Array.from({ length: Math.max(0, count) }, (_, index) => readId(bytes, first + index * idBytes, isLong));
    yield { type, from: readId(bytes, start, isLong), to };
  }
}

/** Adds the size of each item: the largest of those that are associated with it. */
function addPixels(bytes: Buffer, properties: Box, pixels: Map<number, number>): void {
  const areas: number[] = [];
  const associations: Box[] = [];
  for (const box of boxesIn(bytes, properties.start, properties.end)) {
    if (box.type === 'ipma') associations.push(box);
    if (box.type !== 'ipco') continue;
    for (const { type, start } of boxesIn(bytes, box.start, box.end))
      areas.push(type === 'ispe' ? uint(bytes, start + 4, 4) * uint(bytes, start + 8, 4) : 0);
  }
  for (const box of associations) {
    for (const [item, property] of associationsIn(bytes, box))
      pixels.set(item, Math.max(pixels.get(item) ?? 0, areas[property - 1] ?? 0));
  }
}

function* associationsIn(bytes: Buffer, box: Box): Generator<readonly [item: number, property: number]> {
  const hasLongIds = versionOf(bytes, box) > 0;
  const isWide = (uint(bytes, box.start + 3, 1) & 1) === 1;
  let at = box.start + 8;
  for (let left = uint(bytes, box.start + 4, 4); left > 0 && at < box.end; left -= 1) {
    const item = readId(bytes, at, hasLongIds);
    at += hasLongIds ? 4 : 2;
    const count = uint(bytes, at, 1);
    at += 1;
    for (let index = 0; index < count && at < box.end; index += 1) {
      // The first bit is set if a reader must know the property.
      yield [item, isWide ? uint(bytes, at, 2) & 0x7fff : uint(bytes, at, 1) & 0x7f];
      at += isWide ? 2 : 1;
    }
  }
}
