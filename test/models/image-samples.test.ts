import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeImage } from '../../lib/models/decode-image.ts';
import type { DecodeImageOptions } from '../../lib/models/image-options.ts';
import { hasJpegEnd, tidyJpeg } from '../../lib/models/jpeg-segments.ts';
import { tiff } from './tiff.ts';

const SOS = Buffer.from([0xff, 0xda]);
const EOI = Buffer.from([0xff, 0xd9]);

/** A segment of 16 bytes: its name, version 2.1, a density of 1 by 1, no thumbnail. */
const JFIF_2 = [0xff, 0xe0, 0, 16, ...Buffer.from('JFIF\0'), 2, 1, 0, 0, 1, 0, 1, 0, 0];

/** The samples of an image, each pixel's together. */
async function decode(bytes: Uint8Array, options: Partial<DecodeImageOptions> = {}): Promise<number[]> {
  const decoder = decodeImage({ width: 2, height: 2, channels: 3, layout: 'HWC', scale: 1, ...options });
  const input = { bytes, contentType: 'image', uri: 'image' };
  return Array.from(await decoder(input, { id: 'image', input }));
}

function repeated(pixel: readonly number[], times: number): number[] {
  return Array.from({ length: times }, () => pixel).flat();
}

/** How far any sample is from that of the same place in a row of equal pixels. */
function farthest(samples: readonly number[], pixel: readonly number[]): number {
  return Math.max(...samples.map((sample, index) => Math.abs(sample - (pixel[index % pixel.length] ?? NaN))));
}

const SIZE = 16;
const OCHRE = [200, 100, 50] as const;

/** An image of one colour that is transparent but for every tenth pixel. */
function transparent(pixel: readonly number[], mostAlpha: number): Sharp {
  const channels = pixel.length === 1 ? 2 : 4;
  const pixels = Array.from({ length: SIZE * SIZE }, (_, at) => [...pixel, at % 10 === 0 ? mostAlpha : 0]);
  return sharp(Uint8Array.from(pixels.flat()), { raw: { width: SIZE, height: SIZE, channels } });
}

function transparent16(pixel: readonly number[]): Sharp {
  const pixels = repeated([...pixel, 3], SIZE * SIZE).map((sample) => sample * 257);
  return sharp(Uint16Array.from(pixels), { raw: { width: SIZE, height: SIZE, channels: 4 } }).toColourspace('rgb16');
}

/** The first frame without alpha, in its own size. */
async function opaque(bytes: Buffer): Promise<Buffer> {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  return sharp(data, { raw: { width, height, channels } }).png().toBuffer();
}

describe('decodeImage of an image with alpha', () => {
  // A GIF and a palette have few colours, none of which need be that of a transparent pixel.
  const kinds: readonly (readonly [kind: string, pixel: readonly number[] | undefined, image: Sharp])[] = [
    ['a white transparent PNG', [255, 255, 255], transparent([255, 255, 255], 0).png()],
    ['a semi-transparent PNG', OCHRE, transparent(OCHRE, 128).png()],
    ['a PNG with a palette', undefined, transparent(OCHRE, 128).png({ palette: true })],
    ['a grey PNG', [90, 90, 90], transparent([90], 128).toColourspace('b-w').png()],
    ['a PNG of 16 bits', OCHRE, transparent16(OCHRE).png()],
    ['a lossless WebP', OCHRE, transparent(OCHRE, 128).webp({ lossless: true, exact: true })],
    ['a GIF', undefined, transparent(OCHRE, 255).gif()],
    ['a TIFF', OCHRE, transparent(OCHRE, 0).tiff({ compression: 'lzw' })],
  ];
  test.each(kinds)('takes the colours that are stored, in every size and fit: %s', async (_, pixel, image) => {
    const bytes = await image.toBuffer();
    const stored = await opaque(bytes);
    expect((await sharp(bytes).metadata()).hasAlpha).toBe(true);
    for (const size of [
      { width: SIZE, height: SIZE },
      { width: 4, height: 4 },
      { width: 40, height: 23 },
    ]) {
      for (const fit of ['fill', 'cover'] as const) {
        const samples = await decode(bytes, { ...size, fit });
        expect(farthest(samples, pixel ?? (await decode(stored, { ...size, fit })))).toBeLessThanOrEqual(1);
      }
    }
    const luminances = await decode(stored, { channels: 1 });
    expect(farthest(await decode(bytes, { channels: 1 }), luminances)).toBeLessThanOrEqual(1);
  });

  test('adds opaque black by fit contain', async () => {
    const create = { width: 8, height: 4, channels: 4, background: '#ffffff00' } as const;
    const bytes = await sharp({ create }).png().toBuffer();
    const samples = await decode(bytes, { width: 4, height: 4, channels: 1, fit: 'contain' });
    expect(samples).toEqual([0, 255, 255, 0].flatMap((sample) => repeated([sample], 4)));
  });

  test('turns it as its EXIF orientation says', async () => {
    const pixels = Uint8Array.of(255, 0, 0, 0, 0, 0, 255, 0);
    const turned = sharp(pixels, { raw: { width: 2, height: 1, channels: 4 } }).withMetadata({ orientation: 6 });
    expect(await decode(await turned.png().toBuffer(), { width: 1, height: 2 })).toEqual([255, 0, 0, 0, 0, 255]);
  });
});

describe('decodeImage of a TIFF', () => {
  const d = { width: 2, height: 2 };
  const thirds = [200, 100, 50].map((sample) => sample * 257);
  test.each([
    ['1 bit', tiff(Uint8Array.of(0b0100_0000, 0b1000_0000), { ...d, bits: 1 }), [0, 255, 255, 0]],
    ['4 bits', tiff(Uint8Array.of(0x0f, 0x48), { ...d, bits: 4 }), [0, 255, 68, 136]],
    ['8 bits', tiff(Uint8Array.of(0, 64, 128, 255), d), [0, 64, 128, 255]],
    ['8 bits, white being zero', tiff(Uint8Array.of(0, 64, 128, 255), { ...d, photometric: 0 }), [255, 191, 127, 0]],
    ['16 bits', tiff(Uint16Array.of(0, 0x4040, 0x8080, 0xffff), d), [0, 64, 128, 255]],
    [
      '16 bits, white being zero',
      tiff(Uint16Array.of(0, 0xffff, 0, 0xffff), { ...d, photometric: 0 }),
      [255, 0, 255, 0],
    ],
    ['8 bits and alpha', tiff(Uint8Array.of(9, 0, 8, 0, 7, 0, 6, 0), { ...d, channels: 2 }), [9, 8, 7, 6]],
  ])('takes grey of %s', async (_, bytes, expected) => {
    expect(await decode(bytes, { channels: 1 })).toEqual(expected);
    expect(await decode(bytes)).toEqual(expected.flatMap((sample) => [sample, sample, sample]));
  });

  test.each([
    ['16 bits', tiff(Uint16Array.from(repeated(thirds, 4)), { ...d, channels: 3 }), [200, 100, 50]],
    ['16 bits and alpha', tiff(Uint16Array.from(repeated([...thirds, 0], 4)), { ...d, channels: 4 }), [200, 100, 50]],
    ['CMYK', tiff(Uint8Array.from(repeated([0, 0, 0, 0], 4)), { ...d, channels: 4, photometric: 5 }), [255, 255, 255]],
  ])('takes colours of %s', async (_, bytes, pixel) => {
    expect(await decode(bytes)).toEqual(repeated(pixel, 4));
    expect(await decode(bytes, { width: 1, height: 1 })).toEqual(pixel);
  });

  test.each([
    ['floats', tiff(Float32Array.of(0, 0.5, 1, 0.25), d), "of type 'float'"],
    [
      'colours in floats',
      tiff(
        Float32Array.from({ length: 12 }, () => 0.5),
        { ...d, channels: 3 },
      ),
      "of type 'float'",
    ],
    ['doubles', tiff(Float64Array.of(0, 0.5, 1, 0.25), d), 'samples out of range'],
    ['integers of 32 bits', tiff(Uint32Array.of(0, 1, 2, 2 ** 32 - 1), d), "of type 'uint'"],
    ['signed integers of 32 bits', tiff(Int32Array.of(0, 1, -1, 2), d), "of type 'int'"],
    ['signed integers of 16 bits', tiff(Int16Array.of(0, 1, -1, 2), d), "of type 'short'"],
  ])('fails for samples that have no meaning in 8 bits: %s', async (_, bytes, message) => {
    await expect(decode(bytes)).rejects.toMatchObject({
      name: 'ImageDecodeError',
      message: expect.stringMatching(new RegExp(`^The image cannot be decoded: .*${message}`)),
    });
  });
});

/** Bytes with others put in at an index, in place of a few. */
function spliced(bytes: Buffer, at: number, removed: number, put: readonly number[]): Buffer {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(put), bytes.subarray(at + removed)]);
}

function scanOf(bytes: Buffer): number {
  return bytes.indexOf(SOS);
}

function cut(bytes: Buffer, share: number): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length * share));
}

describe('decodeImage of a JPEG', () => {
  let sequential: Buffer;
  let progressive: Buffer;
  let whole: number[];

  beforeAll(async () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
    const image = sharp({ create: { width: 128, height: 128, channels: 3, background: 'black', noise } });
    sequential = await image.clone().jpeg().toBuffer();
    progressive = await image.clone().jpeg({ progressive: true }).toBuffer();
    whole = await decode(sequential, { width: 128, height: 128 });
  });

  test.each([
    ['fill bytes before its first marker', (bytes: Buffer) => spliced(bytes, 2, 0, [0xff, 0xff, 0xff])],
    ['fill bytes before its scan', (bytes: Buffer) => spliced(bytes, scanOf(bytes), 0, [0xff, 0xff])],
    ["the scan parameters of Samsung's phones", (bytes: Buffer) => spliced(bytes, scanOf(bytes) + 11, 3, [0, 0, 0])],
    [
      'scan parameters that name no coefficient',
      (bytes: Buffer) => spliced(bytes, scanOf(bytes) + 11, 3, [1, 5, 0x11]),
    ],
    ['bytes between its segments', (bytes: Buffer) => spliced(bytes, scanOf(bytes), 0, [0, 0, 1])],
    ['JFIF version 2', (bytes: Buffer) => spliced(bytes, 2, 0, JFIF_2)],
    ['bytes behind its data', (bytes: Buffer) => spliced(bytes, bytes.length - 2, 0, [0, 0, 1])],
    ['bytes behind its end', (bytes: Buffer) => spliced(bytes, bytes.length, 0, [1, 2, 3, 4])],
  ])('decodes one that other viewers show: %s', async (_, change) => {
    expect(change(sequential).equals(sequential)).toBe(false);
    const samples = await decode(change(sequential), { width: 128, height: 128 });
    expect(samples.filter((sample, index) => sample !== whole[index])).toEqual([]);
    expect(samples).toHaveLength(whole.length);
  });

  const damaged: readonly (readonly [how: string, change: (bytes: Buffer) => Buffer])[] = [
    ['cut short', (bytes) => cut(bytes, 0.6)],
    ['cut in its header', (bytes) => bytes.subarray(0, 60)],
    ['cut to its first bytes', (bytes) => bytes.subarray(0, 3)],
    ['without its end', (bytes) => bytes.subarray(0, -2)],
    ['cut short, with an end put behind', (bytes) => Buffer.concat([cut(bytes, 0.6), EOI])],
    ['with a hole', (bytes) => spliced(bytes, bytes.length >> 1, 1500, [])],
    [
      'cut short, with an end and what can be tidied',
      (bytes) => spliced(Buffer.concat([cut(bytes, 0.6), EOI]), scanOf(bytes), 0, [0, 0, 1]),
    ],
  ];
  test.each(damaged)('fails where pixels are lost: %s', async (_, change) => {
    for (const bytes of [sequential, progressive]) {
      await expect(decode(change(bytes), { width: 64, height: 64 })).rejects.toHaveProperty('name', 'ImageDecodeError');
    }
  });

  test('fails where it is cut short, however small it is made', async () => {
    for (const bytes of [sequential, progressive]) {
      for (const short of [
        cut(bytes, 0.99),
        bytes.subarray(0, -2),
        Buffer.concat([bytes.subarray(0, -2), Buffer.alloc(9)]),
      ])
        await expect(decode(short)).rejects.toThrow('The image cannot be decoded: it is cut short');
    }
  });

  test('takes the luminance of a grey one, and the colours of CMYK', async () => {
    const grey = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#5a5a5a' } })
      .toColourspace('b-w')
      .jpeg({ quality: 100 })
      .toBuffer();
    expect(farthest(await decode(grey), [0x5a, 0x5a, 0x5a])).toBeLessThanOrEqual(1);
    const red = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toBuffer();
    const [r = 0, g = 255, b = 255] = await decode(red);
    expect((await sharp(red).metadata()).space).toBe('cmyk');
    expect(r).toBeGreaterThan(200);
    expect(Math.max(g, b)).toBeLessThan(60);
  });
});

describe('tidyJpeg', () => {
  test('leaves a JPEG that needs nothing as it is, and returns nothing for bytes that are not a JPEG', async () => {
    const image = sharp({ create: { width: 9, height: 9, channels: 3, background: 'teal' } });
    for (const options of [{}, { progressive: true }, { mozjpeg: true }, { chromaSubsampling: '4:4:4' }]) {
      expect(tidyJpeg(await image.clone().jpeg(options).toBuffer())).toBeUndefined();
    }
    for (const bytes of [[], [0xff], [0xff, 0xd8], [0xff, 0xd8, 0xff, 0xe0, 0xff], [1, 2, 3]]) {
      expect(tidyJpeg(Uint8Array.from(bytes))).toBeUndefined();
      expect(hasJpegEnd(Uint8Array.from(bytes))).toBe(false);
    }
  });

  test('leaves a scan header that is too short to be one as it is', () => {
    const frame = [0xff, 0xc0, 0, 2];
    for (const scan of [
      [0xff, 0xda, 0, 0],
      [0xff, 0xda, 0, 1, 7],
      [0xff, 0xda, 0, 2],
      [0xff, 0xda, 0, 4, 7, 7],
    ])
      expect(tidyJpeg(Uint8Array.from([0xff, 0xd8, ...frame, ...scan, 0xff, 0xd9]))).toBeUndefined();
  });
});
