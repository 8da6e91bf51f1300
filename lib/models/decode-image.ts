import type { SharpConstructor } from 'sharp';
import type { ObjectInput } from '../elements/element.ts';
import { DEFAULT_MAX_FRAMES } from '../formats/images/decodable-image.ts';
import { imageSamples, loadSharp } from './image-samples.ts';
import type { ElementFunction } from './model-handler.ts';

/** Options of `decodeImage`. */
export interface DecodeImageOptions {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** 1 is luminance, 3 is red, green, blue. */
  readonly channels: 1 | 3;
  /** `CHW`: a plane for each channel, as PyTorch has it. `HWC`: the channels of a pixel together, as TensorFlow does. */
  readonly layout: 'CHW' | 'HWC';
  /** Factor for each sample, 0 to 255. @default 1 / 255 */
  readonly scale?: number;
  /** Subtracted from each scaled sample, by channel. @default 0 */
  readonly mean?: readonly number[];
  /** Divides what is left, by channel. @default 1 */
  readonly std?: readonly number[];
  /**
   * How an image of another shape becomes `width` × `height`: `fill` stretches it, `cover` cuts off what stands out,
   * `contain` adds black. @default 'fill'
   */
  readonly fit?: 'fill' | 'cover' | 'contain';
  /** An image of more pixels fails. @default 50000000, as for `input.maxPixels` */
  readonly maxPixels?: number;
  /** Maximum frames of an animation or pages of a TIFF, although only the first is decoded. @default 10000 */
  readonly maxFrames?: number;
}

const SAMPLE_VALUES = 256;
const DEFAULT_MAX_PIXELS = 50_000_000;

/**
 * A preprocess function that decodes an image (JPEG, PNG, WebP, AVIF, GIF, TIFF) to a flat Float32Array of
 * `channels · height · width` values, each `(sample · scale - mean) / std`.
 *
 * An image of the wanted size is not resampled. EXIF orientation is applied, so that the model sees what people see.
 * Samples are 8-bit sRGB. Alpha is dropped first, so that a transparent pixel has the colour that is stored for it.
 * Only the first frame of an animation is used. An SVG, a PDF or another document is not an image: render it first.
 *
 * The function throws ElementReadError, so that its failures are at stage `read`: `ImageDecodeError` for bytes that
 * can't be decoded to the last pixel, for other types and for samples that are not unsigned integers of 8 or 16 bits,
 * `ImageTooLarge` for more than `maxPixels` or `maxFrames`.
 *
 * @throws RangeError where an option breaks its rule.
 */
export function decodeImage(options: DecodeImageOptions): ElementFunction<ObjectInput, Float32Array> {
  checkOptions(options);
  const { width, height, channels, layout, fit = 'fill' } = options;
  const { maxPixels = DEFAULT_MAX_PIXELS, maxFrames = DEFAULT_MAX_FRAMES } = options;
  const tables = Array.from({ length: channels }, (_, channel) => sampleTable(options, channel));
  const size = { width, height, channels, fit, maxPixels, maxFrames };
  let library: Promise<SharpConstructor> | undefined;

  return async ({ bytes }) => {
    library ??= loadSharp();
    const { data, stride } = await imageSamples(await library, bytes, size);
    return pack(data, { stride, tables, layout });
  };
}

/** Returns the results for all 256 samples, so that each pixel is a look-up and not a computation. */
function sampleTable({ scale = 1 / 255, mean, std }: DecodeImageOptions, channel: number): Float32Array {
  const table = new Float32Array(SAMPLE_VALUES);
  for (let sample = 0; sample < SAMPLE_VALUES; sample += 1)
    table[sample] = (sample * scale - (mean?.[channel] ?? 0)) / (std?.[channel] ?? 1);
  return table;
}

interface PackOptions extends Pick<DecodeImageOptions, 'layout'> {
  /** Samples of a pixel: of a grey one, the same goes to every channel. */
  readonly stride: number;
  /** Results for all samples, a table for each channel. */
  readonly tables: readonly Float32Array[];
}

/** Packs the samples that sharp returned, pixel after pixel. */
function pack(samples: Uint8Array, { stride, tables, layout }: PackOptions): Float32Array {
  const pixels = samples.length / stride;
  const packed = new Float32Array(pixels * tables.length);
  const step = layout === 'CHW' ? 1 : tables.length;
  tables.forEach((table, channel) => {
    let to = layout === 'CHW' ? channel * pixels : channel;
    for (let from = Math.min(channel, stride - 1); from < samples.length; from += stride) {
      // Both indexes are within their arrays; a check for each sample would cost more than the rest.
      packed[to] = table[samples[from] as number] as number;
      to += step;
    }
  });
  return packed;
}

function checkOptions(options: DecodeImageOptions): void {
  const { width, height, channels, layout, scale = 1, mean, std, fit = 'fill' } = options;
  const { maxPixels = 1, maxFrames = 1 } = options;
  const isForChannels = (values: readonly number[] | undefined): boolean =>
    values === undefined || (values.length === channels && values.every(Number.isFinite));
  const rules: readonly (readonly [option: keyof DecodeImageOptions, holds: boolean, rule: string])[] = [
    ['width', isSize(width), 'a positive integer'],
    ['height', isSize(height), 'a positive integer'],
    ['channels', channels === 1 || channels === 3, '1 or 3'],
    ['layout', layout === 'CHW' || layout === 'HWC', "'CHW' or 'HWC'"],
    ['scale', Number.isFinite(scale), 'a finite number'],
    ['mean', isForChannels(mean), `a list of ${channels} numbers`],
    ['std', isForChannels(std) && std?.includes(0) !== true, `a list of ${channels} numbers other than 0`],
    ['fit', fit === 'fill' || fit === 'cover' || fit === 'contain', "'fill', 'cover' or 'contain'"],
    ['maxPixels', isSize(maxPixels), 'a positive integer'],
    ['maxFrames', isSize(maxFrames), 'a positive integer'],
  ];
  for (const [option, holds, rule] of rules) {
    if (holds) continue;
    const value = options[option];
    const shown = Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
    throw new RangeError(`Cannot decode images as '${option}' must be ${rule}: current value is ${shown}`);
  }
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
