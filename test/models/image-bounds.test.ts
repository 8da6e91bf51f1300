import { deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodableImage } from '../../lib/formats/images/decodable-image.ts';
import { decodeImage } from '../../lib/models/decode-image.ts';
import type { DecodeImageOptions } from '../../lib/models/image-options.ts';
import { loadSharp } from '../../lib/models/image-samples.ts';
import {
  animatedGif,
  animatedWebp,
  gridOfOne,
  nestedOverlays,
  plain,
  profileOf,
  repeatedTiff,
  scannedJpeg,
  u16,
  u32,
  withCompressedXmp,
  withJpegProfile,
  withPngChunk,
  withPngProfile,
} from './hostile-images.ts';

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"><rect width="2" height="2"/></svg>';

async function decode(bytes: Uint8Array, options: Partial<DecodeImageOptions> = {}): Promise<readonly number[]> {
  const decoder = decodeImage({ width: 1, height: 1, channels: 3, layout: 'HWC', scale: 1, ...options });
  const input = { bytes, contentType: 'image', uri: 'image' };
  return Array.from(await decoder(input, { id: 'image', input }));
}

describe('decodeImage of what is not an image', () => {
  const asSvg = 'an SVG is a document, not pixels: render it first';
  const other = 'it is not a JPEG, PNG, WebP, GIF, TIFF or AVIF';
  test.each([
    ['an SVG', Buffer.from(SVG), asSvg],
    ['an SVG behind declarations', Buffer.from(`\ufeff<?xml version="1.0"?>\n<!-- by hand -->\n${SVG}`), asSvg],
    ['an SVG in UTF-16', Buffer.from(`\ufeff${SVG}`, 'utf16le'), asSvg],
    ['an SVG with a namespace', Buffer.from('<s:svg xmlns:s="http://www.w3.org/2000/svg"/>'), asSvg],
    ['a compressed SVG', gzipSync(SVG), other],
    ['a PDF', Buffer.from('%PDF-1.7\n1 0 obj\n'), other],
    ['a portable pixmap', Buffer.from('P6 1 1 255\n\0\0\0', 'latin1'), other],
    ['FITS', Buffer.from('SIMPLE  =                    T'), other],
    ['nothing', Buffer.alloc(0), other],
  ])('fails before the decoder sees it: %s', async (_, bytes, reason) => {
    await expect(decode(bytes)).rejects.toMatchObject({
      name: 'ImageDecodeError',
      message: `The image cannot be decoded: ${reason}`,
    });
  });

  test('blocks the loaders of documents in the decoder itself, and none of those of images', async () => {
    await loadSharp();
    for (const document of [Buffer.from(SVG), gzipSync(SVG)])
      await expect(sharp(document).raw().toBuffer()).rejects.toThrow('unsupported image format');
    for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const)
      expect(await decode(await plain(2).toFormat(format).toBuffer())).toHaveLength(3);
  });
});

describe('decodeImage of an image of many frames', () => {
  test.each([
    ['an animated WebP', animatedWebp],
    ['an animated GIF', async (frames: number) => animatedGif(frames)],
    ['a TIFF of several pages', async (pages: number) => repeatedTiff(pages)],
  ])('decodes the first of maxFrames, and fails above them: %s', async (_, image) => {
    expect(await decode(await image(4), { maxFrames: 4 })).toHaveLength(3);
    await expect(decode(await image(5), { maxFrames: 4 })).rejects.toMatchObject({
      name: 'ImageTooLarge',
      message: 'The image has more frames or pages than maxFrames, 4',
    });
    await expect(decode(await image(10_001))).rejects.toHaveProperty('name', 'ImageTooLarge');
  });

  test('fails for a TIFF whose list of pages comes back to its first', async () => {
    const loop = repeatedTiff(1, { next: repeatedTiff(1).readUInt32LE(4) });
    await expect(decode(loop)).rejects.toHaveProperty('name', 'ImageTooLarge');
  });

  test('fails for a TIFF whose strips are all the same bytes', async () => {
    expect(await decode(repeatedTiff(1, { stripsOf: 100, stripBytes: 100 }))).toEqual([0, 0, 0]);
    const shared = repeatedTiff(1, { stripsOf: 10_000, stripBytes: 100_000 });
    await expect(decode(shared)).rejects.toThrow('its strips or tiles share their bytes');
  });
});

describe('decodeImage of a PNG with texts', () => {
  const text = Buffer.concat([Buffer.from('comment\0\0'), deflateSync(Buffer.alloc(7_000_000, 'x'))]);
  const wideText = Buffer.concat([Buffer.from('comment\0\x01\0\0\0', 'latin1'), deflateSync('x')]);

  test('takes no compressed text to the decoder, and changes nothing else', async () => {
    const png = await plain(3).png().toBuffer();
    const bounds = { maxPixels: 100, maxFrames: 1 };
    const bomb = withPngChunk(withPngChunk(png, 'zTXt', text, 500), 'iTXt', wideText, 2);
    expect(Buffer.compare(decodableImage(bomb, bounds), png)).toBe(0);
    expect(decodableImage(png, bounds)).toBe(png);
    expect(await decode(bomb)).toEqual([255, 0, 0]);
    const described = withPngChunk(png, 'tEXt', Buffer.from('comment\0text'));
    expect(decodableImage(described, bounds)).toBe(described);
  });
});

describe('decodeImage of a JPEG with many scans', () => {
  test('decodes 100 scans, and fails for more', async () => {
    expect(await decode(await scannedJpeg(100))).toHaveLength(3);
    await expect(decode(await scannedJpeg(101))).rejects.toThrow(
      'The image cannot be decoded: it has 101 scans, more than 100: save it again',
    );
  });
});

describe('decodeImage of an AVIF that is put together', () => {
  test('decodes a grid', async () => {
    const [red = 0, green = 255] = await decode(await gridOfOne(64, 2, 128), { maxPixels: 128 * 128 });
    expect(red).toBeGreaterThan(250);
    expect(green).toBeLessThan(5);
  });

  test.each([
    ['a small grid of one large tile', () => gridOfOne(256, 10, 16)],
    ['overlays of overlays', () => nestedOverlays(6, 10, 'image')],
    ['an overlay of itself', () => nestedOverlays(1, 1, 'itself')],
  ])('fails where far more pixels are decoded than shown: %s', async (_, image) => {
    await expect(decode(await image(), { maxPixels: 1_000_000 })).rejects.toMatchObject({
      name: 'ImageTooLarge',
      message: 'The image is put together from more than 4 times as many pixels as maxPixels, 1000000',
    });
  });

  test('does not decompress metadata', async () => {
    const avif = await withCompressedXmp(30_000_000);
    const image = Buffer.from(decodableImage(avif, { maxPixels: 1000, maxFrames: 1 }));
    expect(avif.includes('deflate')).toBe(true);
    expect(image.includes('deflate')).toBe(false);
    expect((await sharp(image).metadata()).xmp?.length ?? 0).toBeLessThan(avif.length);
    expect((await decode(avif))[0]).toBeGreaterThan(250);
  });
});

describe('decodeImage of an image with a colour profile', () => {
  /** A set of three curves, which are the same: one of many segments. */
  const curves = Buffer.concat([
    Buffer.from('cvst'),
    u32(0),
    u16(3),
    u16(3),
    ...Array.from({ length: 3 }, () => Buffer.concat([u32(36), u32(12)])),
    Buffer.from('curf'),
    u32(0),
    u16(400),
    u16(0),
  ]);
  const cube = Buffer.concat([Buffer.from('clut'), u32(0), u16(15), u16(3)]);

  test('decodes it by the profile', async () => {
    const png = await plain(2).png().toBuffer();
    const plainProfile = await plain(2).withIccProfile('p3').png().toBuffer();
    expect((await sharp(plainProfile).metadata()).icc?.length).toBeGreaterThan(100);
    for (const image of [plainProfile, withPngProfile(png, profileOf(3))]) expect(await decode(image)).toHaveLength(3);
  });

  test.each([
    ['a long program', profileOf(1001)],
    ['curves of many segments', profileOf(1, curves)],
    ['a table of many dimensions', profileOf(1, cube)],
  ])('fails for %s in the profile, whatever the format', async (_, profile) => {
    const png = withPngProfile(await plain(2).png().toBuffer(), profile);
    const jpeg = withJpegProfile(await plain(2).jpeg().toBuffer(), profile);
    for (const image of [png, jpeg]) {
      await expect(decode(image)).rejects.toMatchObject({
        name: 'ImageDecodeError',
        message: expect.stringContaining('its colour profile has more than 1000 operations'),
      });
    }
  });
});
