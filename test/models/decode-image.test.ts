import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodeImage, type DecodeImageOptions, ElementReadError, type ObjectInput } from 'inference-fabric';

const WIDTH = 5;
const HEIGHT = 3;
/** Red, green and blue of each pixel, all different. */
const PIXELS = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, index) => (index * 37) % 256);

function image(pixels: Uint8Array = PIXELS, channels: 1 | 3 = 3) {
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels } });
}

/** Decodes to samples of 0 to 255, unless the options say otherwise. */
async function decode(bytes: Uint8Array, options: Partial<DecodeImageOptions> = {}): Promise<number[]> {
  const decoder = decodeImage({ width: WIDTH, height: HEIGHT, channels: 3, layout: 'HWC', scale: 1, ...options });
  const input: ObjectInput = { bytes, contentType: 'image/any', uri: 'image' };
  return Array.from(await decoder(input, { id: 'image', input }));
}

function planes(pixels: Uint8Array): number[] {
  return [0, 1, 2].flatMap((channel) => Array.from(pixels).filter((_, index) => index % 3 === channel));
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('decodeImage', () => {
  test('gives the samples of a PNG as they are, pixel after pixel for HWC', async () => {
    expect(await decode(await image().png().toBuffer())).toEqual(Array.from(PIXELS));
  });

  test('gives plane after plane for CHW', async () => {
    expect(await decode(await image().png().toBuffer(), { layout: 'CHW' })).toEqual(planes(PIXELS));
  });

  test('decodes lossless WebP exactly, and JPEG closely', async () => {
    expect(await decode(await image().webp({ lossless: true }).toBuffer())).toEqual(Array.from(PIXELS));
    const flat = image(new Uint8Array(PIXELS.length).fill(120));
    for (const sample of await decode(await flat.jpeg().toBuffer())) expect(Math.abs(sample - 120)).toBeLessThan(3);
  });

  test('scales to 0 and 1 by default, then takes away the mean and divides by the deviation', async () => {
    const png = await image().png().toBuffer();
    const decoder = decodeImage({ width: WIDTH, height: HEIGHT, channels: 3, layout: 'HWC' });
    const input = { bytes: png, contentType: 'image/png', uri: 'image' };
    expect(await decoder(input, { id: 'image', input })).toEqual(Float32Array.from(PIXELS, (sample) => sample / 255));

    const mean = [0.485, 0.456, 0.406] as const;
    const std = [0.229, 0.224, 0.225] as const;
    const expected = Float32Array.from(PIXELS, (sample, index) => {
      const channel = index % 3;
      return (sample / 255 - (mean[channel] ?? 0)) / (std[channel] ?? 1);
    });
    expect(await decode(png, { scale: 1 / 255, mean, std })).toEqual(Array.from(expected));
  });

  test('keeps the samples of a grey image for one channel, and repeats them for three', async () => {
    const grey = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, index) => index * 17);
    const png = await image(grey, 1).toColourspace('b-w').png().toBuffer();
    expect(await decode(png, { channels: 1 })).toEqual(Array.from(grey));
    const repeated = Array.from(grey).flatMap((sample) => [sample, sample, sample]);
    expect(await decode(png)).toEqual(repeated);
    expect(await decode(png, { layout: 'CHW' })).toEqual(planes(Uint8Array.from(repeated)));
  });

  test('gives the luminance of a colour image for one channel', async () => {
    const white = await image(new Uint8Array(PIXELS.length).fill(255)).png().toBuffer();
    expect(await decode(white, { channels: 1 })).toEqual(Array.from({ length: WIDTH * HEIGHT }, () => 255));
    const [red = 0] = await decode(await onePixel('red'), { width: 1, height: 1, channels: 1 });
    const [green = 0] = await decode(await onePixel('lime'), { width: 1, height: 1, channels: 1 });
    expect(green).toBeGreaterThan(red);
  });

  test('brings 16 bits down to 8', async () => {
    const samples = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, index) => index * 0x1111);
    const raw = { width: WIDTH, height: HEIGHT, channels: 1 } as const;
    const png = await sharp(samples, { raw }).toColourspace('grey16').png().toBuffer();
    expect((await sharp(png).metadata()).depth).toBe('ushort');
    const decoded = await decode(png, { channels: 1 });
    decoded.forEach((sample, index) => expect(Math.abs(sample - index * 0x11)).toBeLessThanOrEqual(1));
  });

  test('drops alpha', async () => {
    const background = { r: 200, g: 100, b: 50, alpha: 0.5 };
    const png = await sharp({ create: { width: 1, height: 1, channels: 4, background } })
      .png()
      .toBuffer();
    expect(await decode(png, { width: 1, height: 1 })).toEqual([200, 100, 50]);
  });

  test('applies EXIF orientation', async () => {
    // Orientation 6: the picture was taken with the camera turned, and is shown turned by 90° clockwise.
    const jpeg = await image().withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    const turned = await sharp(await image().jpeg({ quality: 100 }).toBuffer())
      .rotate(90)
      .raw()
      .toBuffer();
    expect(await decode(jpeg, { width: HEIGHT, height: WIDTH })).toEqual(Array.from(turned));
  });

  test.for([
    { fit: 'fill', rows: [255, 255, 255, 255] },
    { fit: 'cover', rows: [255, 255, 255, 255] },
    { fit: 'contain', rows: [0, 255, 255, 0] },
  ] as const)('makes a wide image square by fit $fit', async ({ fit, rows }) => {
    const wide = await sharp({ create: { width: 8, height: 4, channels: 3, background: 'white' } })
      .png()
      .toBuffer();
    const decoded = await decode(wide, { width: 4, height: 4, channels: 1, fit });
    expect(decoded).toEqual(rows.flatMap((sample) => [sample, sample, sample, sample]));
  });

  test('decodes images side by side, each to its own pixels', async () => {
    const decoder = decodeImage({ width: 1, height: 1, channels: 3, layout: 'HWC', scale: 1 });
    const greys = Array.from({ length: 100 }, (_, index) => index);
    const decoded = await Promise.all(
      greys.map(async (grey) => {
        const input = { bytes: await onePixel({ r: grey, g: grey, b: grey }), contentType: 'image/png', uri: '' };
        return decoder(input, { id: String(grey), input });
      }),
    );
    expect(decoded.map(([red]) => red)).toEqual(greys);
  });

  test.for(['png', 'jpeg', 'webp'] as const)('fails at stage read for a %s that is cut short', async (format) => {
    const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
    const create = { width: 64, height: 64, channels: 3, background: 'black', noise } as const;
    const bytes = await sharp({ create }).toFormat(format).toBuffer();
    const cut = bytes.subarray(0, Math.floor(bytes.length * 0.8));
    const error = await failureOf(decode(cut));
    expect(error).toBeInstanceOf(ElementReadError);
    expect(error).toHaveProperty('name', 'ImageDecodeError');
    expect(error).toHaveProperty('message', expect.stringMatching(/^The image cannot be decoded: \S[^\n]*$/));
  });

  test('fails at stage read for what is no image', async () => {
    for (const text of ['', 'no image']) {
      const error = await failureOf(decode(Buffer.from(text)));
      expect(error).toBeInstanceOf(ElementReadError);
      expect(error).toHaveProperty('name', 'ImageDecodeError');
    }
  });

  test('fails as too large for more pixels than maxPixels, and for no fewer', async () => {
    const png = await image().png().toBuffer();
    const error = await failureOf(decode(png, { maxPixels: WIDTH * HEIGHT - 1 }));
    expect(error).toBeInstanceOf(ElementReadError);
    expect(error).toMatchObject({ name: 'ImageTooLarge', message: 'The image has more pixels than maxPixels, 14' });
    expect(await decode(png, { maxPixels: WIDTH * HEIGHT })).toHaveLength(PIXELS.length);
  });

  test.for([
    [{ width: 0 }, "Cannot decode images as 'width' must be a positive integer: current value is 0"],
    [{ height: 1.5 }, "Cannot decode images as 'height' must be a positive integer: current value is 1.5"],
    [{ channels: 4 }, "Cannot decode images as 'channels' must be 1 or 3: current value is 4"],
    [{ layout: 'NCHW' }, "Cannot decode images as 'layout' must be 'CHW' or 'HWC': current value is NCHW"],
    [{ scale: Number.NaN }, "Cannot decode images as 'scale' must be a finite number: current value is NaN"],
    [{ mean: [0.5] }, "Cannot decode images as 'mean' must be a list of 3 numbers: current value is [0.5]"],
    [
      { std: [1, 0, 1] },
      "Cannot decode images as 'std' must be a list of 3 numbers other than 0: current value is [1, 0, 1]",
    ],
    [{ fit: 'inside' }, "Cannot decode images as 'fit' must be 'fill', 'cover' or 'contain': current value is inside"],
    [{ maxPixels: 0 }, "Cannot decode images as 'maxPixels' must be a positive integer: current value is 0"],
    [{ width: undefined }, "Cannot decode images as 'width' must be a positive integer: current value is undefined"],
    [
      { fit: 'cover', resize: {} },
      "Cannot decode images as 'fit' must be omitted, as 'resize' is given: current value is cover",
    ],
    [
      { resize: { filter: 'area' } },
      "Cannot decode images as 'resize.filter' must be 'bilinear', 'bicubic' or 'lanczos3': current value is area",
    ],
    [
      { resize: { antialias: 'yes' } },
      "Cannot decode images as 'resize.antialias' must be true or false: current value is yes",
    ],
    [
      { resize: { shortest: 1 } },
      "Cannot decode images as 'resize.shortest' must be an integer that is not less than the result's sides, 2 and 2: current value is 1",
    ],
    [
      { resize: { shortest: 2.5 } },
      "Cannot decode images as 'resize.shortest' must be an integer that is not less than the result's sides, 2 and 2: current value is 2.5",
    ],
    [
      { resize: { shortest: 8, crop: 4 } },
      "Cannot decode images as 'width' must be omitted, as 'resize.crop' is given: current value is 2",
    ],
    [
      { width: undefined, height: undefined, resize: { shortest: 8, crop: 9 } },
      "Cannot decode images as 'resize.shortest' must be an integer that is not less than the result's sides, 9: current value is 8",
    ],
    [
      { width: undefined, height: undefined, resize: { crop: 9 } },
      "Cannot decode images as 'resize.shortest' must be given with 'resize.crop': current value is undefined",
    ],
    [
      { width: undefined, height: undefined, resize: { shortest: 8, crop: 0 } },
      "Cannot decode images as 'resize.crop' must be a positive integer: current value is 0",
    ],
  ] as const)('refuses %o', ([wrong, message]) => {
    const options = { width: 2, height: 2, channels: 3, layout: 'CHW', ...wrong };
    // Wrong on purpose, as plain JavaScript may be.
    expect(() => decodeImage(options as unknown as DecodeImageOptions)).toThrow(new RangeError(message));
  });
});

function onePixel(background: string | { r: number; g: number; b: number }): Promise<Buffer> {
  return sharp({ create: { width: 1, height: 1, channels: 3, background } })
    .png()
    .toBuffer();
}
