import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';

/** Sizes of numbers in bytes, big-endian unless `LE`. */
export function u8(value: number): Buffer {
  return Buffer.from([value]);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u16LE(value: number): Buffer {
  return Buffer.from([value & 255, (value >> 8) & 255]);
}

function u24LE(value: number): Buffer {
  return Buffer.from([value & 255, (value >> 8) & 255, (value >> 16) & 255]);
}

function u32LE(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** An image of one colour. */
export function plain(width: number, height = width): Sharp {
  return sharp({ create: { width, height, channels: 3, background: 'red' } });
}

export async function animatedWebp(frames: number): Promise<Buffer> {
  const image = (await plain(1).webp().toBuffer()).subarray(12);
  const place = [u24LE(0), u24LE(0), u24LE(0), u24LE(0), u24LE(100), u8(0)];
  const frame = Buffer.concat([Buffer.from('ANMF'), u32LE(16 + image.length), ...place, image]);
  const header = Buffer.concat([Buffer.from('VP8X'), u32LE(10), Buffer.from([2, 0, 0, 0]), u24LE(0), u24LE(0)]);
  const animation = Buffer.concat([Buffer.from('ANIM'), u32LE(6), u32LE(0), u16LE(0)]);
  const body = Buffer.concat([Buffer.from('WEBP'), header, animation, ...Array.from({ length: frames }, () => frame)]);
  return Buffer.concat([Buffer.from('RIFF'), u32LE(body.length), body]);
}

/** A GIF with a comment and a table of colours of its own before each frame. */
export function animatedGif(frames: number): Buffer {
  const colours = Buffer.from([0, 0, 0, 255, 255, 255]);
  const head = Buffer.concat([Buffer.from('GIF89a'), u16LE(1), u16LE(1), u8(0x80), u8(0), u8(0), colours]);
  const comment = Buffer.from([0x21, 0xfe, 2, 0x2c, 0x2c, 0]);
  const place = Buffer.concat([u8(0x2c), u16LE(0), u16LE(0), u16LE(1), u16LE(1), u8(0x80)]);
  const frame = Buffer.concat([comment, place, colours, Buffer.from([2, 2, 0x44, 1, 0])]);
  return Buffer.concat([head, ...Array.from({ length: frames }, () => frame), u8(0x3b)]);
}

/** A grey TIFF whose strips all are the same bytes, and whose directories are all the same; `next` follows the last. */
export function repeatedTiff(pages: number, { stripsOf = 1, stripBytes = 1, next = 0 } = {}): Buffer {
  const data = Buffer.alloc(stripBytes);
  const offsets = 8 + data.length;
  const counts = offsets + 4 * stripsOf;
  const first = counts + 4 * stripsOf;
  const inList = (list: number, value: number): number => (stripsOf === 1 ? value : list);
  const entries: readonly (readonly [tag: number, type: number, count: number, value: number])[] = [
    [256, 4, 1, 1],
    [257, 4, 1, stripsOf],
    [258, 3, 1, 8],
    [259, 3, 1, 1],
    [262, 3, 1, 1],
    [273, 4, stripsOf, inList(offsets, 8)],
    [277, 3, 1, 1],
    [278, 4, 1, 1],
    [279, 4, stripsOf, inList(counts, stripBytes)],
  ];
  const rows = entries.map(([tag, type, count, value]) =>
    Buffer.concat([u16LE(tag), u16LE(type), u32LE(count), u32LE(value)]),
  );
  const directory = Buffer.concat([u16LE(entries.length), ...rows]);
  const size = directory.length + 4;
  const directories = Array.from({ length: pages }, (_, page) =>
    Buffer.concat([directory, u32LE(page === pages - 1 ? next : first + (page + 1) * size)]),
  );
  const lists = [8, stripBytes].flatMap((value) => Array.from({ length: stripsOf }, () => u32LE(value)));
  return Buffer.concat([Buffer.from('II*\0'), u32LE(first), data, ...lists, ...directories]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([u32(data.length), typed, u32(crc32(typed))]);
}

const PNG_HEADER_BYTES = 33;

/** Puts a chunk behind the header of a PNG, a number of times. */
export function withPngChunk(png: Buffer, type: string, data: Buffer, times = 1): Buffer {
  const chunk = pngChunk(type, data);
  const chunks = Array.from({ length: times }, () => chunk);
  return Buffer.concat([png.subarray(0, PNG_HEADER_BYTES), ...chunks, png.subarray(PNG_HEADER_BYTES)]);
}

/** A progressive JPEG with more scans, each of a few bytes that say that coefficients of all blocks are zero. */
export async function scannedJpeg(scans: number): Promise<Buffer> {
  const jpeg = await plain(16).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer();
  const start = jpeg.indexOf(Buffer.from([0xff, 0xda]));
  let end = start + 2 + jpeg.readUInt16BE(start + 2);
  while (jpeg[end] !== 0xff || jpeg[end + 1] === 0) end += 1;
  // One code, for the end of a run of 16,384 blocks or more.
  const table = Buffer.from([0xff, 0xc4, 0, 20, 0x10, 1, ...Array.from({ length: 15 }, () => 0), 0xe0]);
  const zeros = Buffer.from([0b00000000, 0b00000001]);
  const added = Array.from({ length: scans - 1 }, (_, scan) => {
    const coefficient = 1 + (scan % 63);
    const bit = 13 - Math.floor(scan / 63);
    const bits = ((bit === 13 ? 0 : bit + 1) << 4) | bit;
    return Buffer.concat([Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, coefficient, coefficient, bits]), zeros]);
  });
  return Buffer.concat([jpeg.subarray(0, end), table, ...added, jpeg.subarray(-2)]);
}

/** Puts a colour profile into a JPEG. */
export function withJpegProfile(jpeg: Buffer, profile: Buffer): Buffer {
  const data = Buffer.concat([Buffer.from('ICC_PROFILE\0'), u8(1), u8(1), profile]);
  return Buffer.concat([jpeg.subarray(0, 2), u16(0xffe2), u16(2 + data.length), data, jpeg.subarray(2)]);
}

export function withPngProfile(png: Buffer, profile: Buffer): Buffer {
  return withPngChunk(png, 'iCCP', Buffer.concat([Buffer.from('x\0\0'), deflateSync(profile)]));
}

/** The identity of three channels as an element of a colour profile: a matrix, and what is added. */
const MATRIX = Buffer.concat([
  Buffer.from('matf'),
  u32(0),
  u16(3),
  u16(3),
  ...[1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0].map((value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatBE(value);
    return bytes;
  }),
]);

/** A profile for RGB whose colours go through one element, listed a number of times. */
export function profileOf(times: number, element: Buffer = MATRIX): Buffer {
  const at = 16 + 8 * times;
  const positions = Array.from({ length: times }, () => Buffer.concat([u32(at), u32(element.length)]));
  const program = Buffer.concat([Buffer.from('mpet'), u32(0), u16(3), u16(3), u32(times), ...positions, element]);
  const fixed = (value: number): Buffer => u32(Math.round(value * 65_536));
  const xyz = (values: readonly number[]): Buffer => Buffer.concat([Buffer.from('XYZ '), u32(0), ...values.map(fixed)]);
  const curve = Buffer.concat([Buffer.from('curv'), u32(0), u32(0)]);
  const tags: readonly (readonly [name: string, data: Buffer])[] = [
    ['wtpt', xyz([0.9642, 1, 0.8249])],
    ['rXYZ', xyz([0.436, 0.222, 0.014])],
    ['gXYZ', xyz([0.385, 0.717, 0.097])],
    ['bXYZ', xyz([0.143, 0.06, 0.714])],
    ['rTRC', curve],
    ['gTRC', curve],
    ['bTRC', curve],
    ['D2B0', program],
  ];
  let offset = 132 + 12 * tags.length;
  const list = tags.map(([name, data]) => {
    const entry = Buffer.concat([Buffer.from(name), u32(offset), u32(data.length)]);
    offset += data.length;
    return entry;
  });
  const header = Buffer.alloc(128);
  header.writeUInt32BE(offset, 0);
  header.writeUInt32BE(0x0440_0000, 8);
  header.write('mntrRGB XYZ ', 12);
  header.write('acsp', 36);
  Buffer.concat([0.9642, 1, 0.8249].map(fixed)).copy(header, 68);
  return Buffer.concat([header, u32(tags.length), ...list, ...tags.map(([, data]) => data)]);
}

/** An item of a HEIF file. */
interface Item {
  readonly id: number;
  readonly type: 'av01' | 'grid' | 'iovl' | 'mime';
  readonly data: Buffer;
  readonly size?: number;
  /** Ids of the items that it is made of. */
  readonly parts?: readonly number[];
}

function box(type: string, ...content: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(content);
  return Buffer.concat([u32(8 + bytes.length), Buffer.from(type, 'latin1'), bytes]);
}

function fullBox(type: string, version: number, flags: number, ...content: readonly Buffer[]): Buffer {
  return box(type, u32(version * 0x100_0000 + flags), ...content);
}

/** A HEIF file whose last item is shown. */
function heif(items: readonly Item[], codec: Buffer): Buffer {
  const type = box('ftyp', Buffer.from('avif'), u32(0), Buffer.from('mif1avifmiaf'));
  const dataAt = type.length + meta(items, codec, []).length + 8;
  let at = dataAt;
  const offsets = items.map(({ data }) => (at += data.length) - data.length);
  return Buffer.concat([type, meta(items, codec, offsets), box('mdat', ...items.map(({ data }) => data))]);
}

function meta(items: readonly Item[], codec: Buffer, offsets: readonly number[]): Buffer {
  const places = items.map(({ id, data }, index) =>
    Buffer.concat([u16(id), u16(0), u16(1), u32(offsets[index] ?? 0), u32(data.length)]),
  );
  const infos = items.map(({ id, type }) => {
    const content = type === 'mime' ? [Buffer.from('application/rdf+xml\0deflate\0')] : [];
    return fullBox('infe', 2, type === 'mime' ? 1 : 0, u16(id), u16(0), Buffer.from(type), u8(0), ...content);
  });
  const references = items.flatMap(({ id, type, parts = [] }) =>
    parts.length === 0 ? [] : box(type === 'mime' ? 'cdsc' : 'dimg', u16(id), u16(parts.length), ...parts.map(u16)),
  );
  const images = items.filter(({ size }) => size !== undefined);
  const sizes = images.map(({ size = 0 }) => fullBox('ispe', 0, 0, u32(size), u32(size)));
  const depth = fullBox('pixi', 0, 0, u8(3), u8(8), u8(8), u8(8));
  const associations = images.map(({ id, type }, index) => {
    const properties = [3 + index, 2, ...(type === 'av01' ? [0x81] : [])];
    return Buffer.concat([u16(id), u8(properties.length), ...properties.map(u8)]);
  });
  return fullBox(
    'meta',
    0,
    0,
    fullBox('hdlr', 0, 0, u32(0), Buffer.from('pict'), Buffer.alloc(13)),
    fullBox('pitm', 0, 0, u16(images.at(-1)?.id ?? 1)),
    fullBox('iloc', 0, 0, u8(0x44), u8(0), u16(items.length), ...places),
    fullBox('iinf', 0, 0, u16(items.length), ...infos),
    ...(references.length === 0 ? [] : [fullBox('iref', 0, 0, ...references)]),
    box('iprp', box('ipco', codec, depth, ...sizes), fullBox('ipma', 0, 0, u32(associations.length), ...associations)),
  );
}

async function codedImage(size: number): Promise<{ readonly codec: Buffer; readonly data: Buffer }> {
  const avif = await plain(size).avif({ effort: 0 }).toBuffer();
  const at = avif.indexOf('av1C') - 4;
  return { codec: avif.subarray(at, at + avif.readUInt32BE(at)), data: avif.subarray(avif.indexOf('mdat') + 4) };
}

/** A grid of `side` × `side` times the same tile, of which a square of `shown` pixels a side is shown. */
export async function gridOfOne(tile: number, side: number, shown: number): Promise<Buffer> {
  const { codec, data } = await codedImage(tile);
  const grid = Buffer.concat([u8(0), u8(0), u8(side - 1), u8(side - 1), u16(shown), u16(shown)]);
  const parts = Array.from({ length: side * side }, () => 1);
  return heif(
    [
      { id: 1, type: 'av01', data, size: tile },
      { id: 2, type: 'grid', data: grid, size: shown, parts },
    ],
    codec,
  );
}

/** Overlays of overlays: each level is made of `fan` times the one below, and the first level of itself. */
export async function nestedOverlays(levels: number, fan: number, first: 'image' | 'itself'): Promise<Buffer> {
  const { codec, data } = await codedImage(16);
  const items: Item[] = [{ id: 1, type: 'av01', data, size: 16 }];
  for (let level = 1; level <= levels; level += 1) {
    const part = level === 1 && first === 'itself' ? 2 : level;
    items.push({
      id: level + 1,
      type: 'iovl',
      data: Buffer.alloc(14 + 4 * fan),
      size: 16,
      parts: Array.from({ length: fan }, () => part),
    });
  }
  return heif(items, codec);
}

/** An AVIF whose description is compressed. */
export async function withCompressedXmp(bytes: number): Promise<Buffer> {
  const { codec, data } = await codedImage(16);
  return heif(
    [
      { id: 2, type: 'mime', data: deflateSync(Buffer.alloc(bytes, 'x'), { level: 9 }), parts: [1] },
      { id: 1, type: 'av01', data, size: 16 },
    ],
    codec,
  );
}
