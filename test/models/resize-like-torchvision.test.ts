import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodeImage, type DecodeImageOptions, type ImageResize } from 'inference-fabric';
import cases from './images/cases.json' with { type: 'json' };

/** The statistics of ImageNet, as torchvision's models take them. */
const NORMALIZATION = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

async function file(name: string): Promise<Buffer> {
  return readFile(new URL(`images/${name}`, import.meta.url));
}

/** The samples of a PNG that Pillow or OpenCV resized. */
async function samplesOf(name: string): Promise<Uint8Array> {
  return sharp(await file(name))
    .raw()
    .toBuffer();
}

async function decode(bytes: Uint8Array, options: DecodeImageOptions): Promise<Float32Array> {
  const input = { bytes, contentType: 'image/any', uri: 'image' };
  return decodeImage(options)(input, { id: 'image', input });
}

/** The tensor of samples: `ToTensor` and `Normalize`. */
function normalized(samples: Uint8Array, layout: 'CHW' | 'HWC'): Float32Array {
  const pixels = samples.length / 3;
  const tensor = new Float32Array(samples.length);
  samples.forEach((sample, index) => {
    const channel = index % 3;
    const at = layout === 'HWC' ? index : channel * pixels + Math.floor(index / 3);
    tensor[at] = (sample / 255 - (NORMALIZATION.mean[channel] ?? 0)) / (NORMALIZATION.std[channel] ?? 1);
  });
  return tensor;
}

function farthest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Array.from(actual).reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (expected[index] ?? NaN))),
    0,
  );
}

// The fixtures are JSON, of which TypeScript knows only that a filter is a string.
const fixtures = cases as readonly (Required<ImageResize> & { readonly source: string; readonly expected: string })[];
const antialiased = fixtures.filter(({ antialias }) => antialias);
const plain = fixtures.filter(({ antialias }) => !antialias);

describe('decodeImage with resize', () => {
  test.each(antialiased)(
    "gives the tensor of torchvision's Resize($shortest), $filter, and CenterCrop($crop) for $source",
    async ({ source, expected, shortest, crop, filter }) => {
      const samples = await samplesOf(expected);
      for (const layout of ['CHW', 'HWC'] as const) {
        const tensor = await decode(await file(source), {
          channels: 3,
          layout,
          ...NORMALIZATION,
          resize: { shortest, crop, filter },
        });
        // Normalize computes in float32, and decodeImage in float64: the samples are the same.
        expect(farthest(tensor, normalized(samples, layout))).toBeLessThan(1e-6);
      }
    },
  );

  test.each(plain)(
    "gives OpenCV's samples without antialiasing for $source, $shortest",
    async ({ source, expected, shortest, crop, filter, antialias }) => {
      const resize = { shortest, crop, filter, antialias };
      const samples = await decode(await file(source), { channels: 3, layout: 'HWC', scale: 1, resize });
      expect(farthest(samples, await samplesOf(expected))).toBeLessThanOrEqual(1);
    },
  );

  test('stretches to width and height where there is no shortest side', async () => {
    const options = { channels: 3, layout: 'HWC', scale: 1 } as const;
    const square = await file('grey.jpg');
    const stretched = await decode(square, { ...options, width: 32, height: 32, resize: {} });
    expect(stretched).toEqual(await decode(square, { ...options, width: 32, height: 32, resize: { shortest: 32 } }));
    const narrow = { ...options, width: 20, height: 40, resize: { filter: 'bicubic' } } as const;
    const wide = { ...narrow, width: 40, height: 20 };
    const turned = await sharp(await file('rocket.jpg'))
      .rotate(180)
      .png()
      .toBuffer();
    for (const size of [narrow, wide]) {
      const upright = await decode(await file('rocket.jpg'), size);
      const samples = await decode(turned, size);
      const pixels = Array.from({ length: 800 }, (_, pixel) => samples.subarray(pixel * 3, pixel * 3 + 3));
      const back = pixels.toReversed().flatMap((pixel) => Array.from(pixel));
      // The sums of both directions are equal but for their rounding.
      expect(farthest(back, upright)).toBeLessThanOrEqual(1);
    }
  });

  test('gives the samples of an image of the wanted size as they are, with every filter', async () => {
    const samples = await samplesOf('coffee.png');
    for (const filter of ['bilinear', 'bicubic', 'lanczos3'] as const) {
      const options = { channels: 3, layout: 'HWC', scale: 1, width: 61, height: 97, resize: { filter } } as const;
      expect(farthest(await decode(await file('coffee.png'), options), samples)).toBe(0);
    }
  });

  test('takes the luminance of a grey image for one channel', async () => {
    const options = { layout: 'HWC', scale: 1, resize: { shortest: 32, crop: 31 } } as const;
    const colours = await decode(await file('grey.jpg'), { ...options, channels: 3 });
    const grey = await decode(await file('grey.jpg'), { ...options, channels: 1 });
    expect(grey).toEqual(colours.filter((_, index) => index % 3 === 0));
  });

  test('resizes an image as its EXIF orientation says', async () => {
    const image = sharp(await file('coffee.png'));
    const turned = await image.clone().rotate(90).png().toBuffer();
    const marked = await image.withMetadata({ orientation: 6 }).png().toBuffer();
    const options = { channels: 3, layout: 'HWC', scale: 1, resize: { shortest: 33, crop: 28 } } as const;
    expect(await decode(marked, options)).toEqual(await decode(turned, options));
  });

  test('fails for an image that would have more pixels than maxPixels in between, and for no other', async () => {
    const create = { width: 1, height: 3000, channels: 3, background: 'white' } as const;
    const narrow = await sharp({ create }).png().toBuffer();
    const options = {
      channels: 1,
      layout: 'HWC',
      scale: 1,
      width: 10,
      height: 2,
      maxPixels: 29_999,
      resize: {},
    } as const;
    await expect(decode(narrow, options)).rejects.toMatchObject({
      name: 'ImageTooLarge',
      message:
        'The image of 1 × 3000 has more pixels than maxPixels, 29999, while it is resized: it is 10 × 3000 in between',
    });
    expect(
      farthest(
        await decode(narrow, { ...options, maxPixels: 30_000 }),
        Array.from({ length: 20 }, () => 255),
      ),
    ).toBe(0);
  });

  test('frees the samples of an image as soon as it is packed', async () => {
    const create = { width: 2000, height: 1500, channels: 3, background: 'teal' } as const;
    const photo = await sharp({ create }).jpeg().toBuffer();
    const options = { channels: 3, layout: 'CHW', resize: { shortest: 32, crop: 32 } } as const;
    await decode(photo, options);
    const before = process.memoryUsage().external;
    let most = 0;
    for (let index = 0; index < 8; index += 1) {
      await decode(photo, options);
      most = Math.max(most, process.memoryUsage().external - before);
    }
    // Each image has 9 MB of samples: the collector would let several of them accumulate.
    expect(most).toBeLessThan(9_000_000);
  });
});
