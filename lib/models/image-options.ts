import { DEFAULT_MAX_FRAMES } from '../formats/images/decodable-image.ts';
import type { ResampleFilter } from './resample-axis.ts';

/**
 * Resizing of `decodeImage` with the samples of torchvision's `Resize` and `CenterCrop` on a PIL image, which are those of
 * Pillow's `Image.resize`.
 */
export interface ImageResize {
  /**
   * Length of the shorter side before `width` × `height` are cut out of the centre, in pixels; not less than either of
   * them. The longer side and the offsets are rounded as by torchvision. @default the image is stretched to `width` × `height`
   */
  readonly shortest?: number;
  /** Side of the part that is cut out, in pixels, where `width` and `height` are omitted. @default `width` × `height` */
  readonly crop?: number;
  /** `bicubic` is that of R. Keys with a = -0.5. @default 'bilinear' */
  readonly filter?: 'bilinear' | 'bicubic' | 'lanczos3';
  /**
   * True: each sample is a mean of all that it covers, as Pillow and torchvision compute it. False: samples in between
   * are skipped if the image becomes smaller, as OpenCV and TensorFlow do by default. @default true
   */
  readonly antialias?: boolean;
}

/** Options of `decodeImage`. */
export interface DecodeImageOptions {
  /** In pixels. @default `resize.crop` */
  readonly width?: number;
  /** In pixels. @default `resize.crop` */
  readonly height?: number;
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
   * How libvips, with Lanczos 3, makes an image of another shape `width` × `height`: `fill` stretches it, `cover` cuts
   * off what stands out, `contain` adds black. @default 'fill'
   */
  readonly fit?: 'fill' | 'cover' | 'contain';
  /** Resizes as torchvision does, instead of by `fit`. @default by `fit` */
  readonly resize?: ImageResize;
  /** An image of more pixels fails. @default 50000000, as for `input.maxPixels` */
  readonly maxPixels?: number;
  /** Maximum frames of an animation or pages of a TIFF, although only the first is decoded. @default 10000 */
  readonly maxFrames?: number;
}

/** Options with their defaults. */
export interface ImageOptions {
  readonly width: number;
  readonly height: number;
  readonly fit: 'fill' | 'cover' | 'contain';
  readonly resize:
    | { readonly shortest: number | undefined; readonly filter: ResampleFilter; readonly antialias: boolean }
    | undefined;
  readonly maxPixels: number;
  readonly maxFrames: number;
}

type Rule = readonly [option: string, value: unknown, holds: boolean, rule: string];

const DEFAULT_MAX_PIXELS = 50_000_000;
const FITS: ReadonlySet<unknown> = new Set(['fill', 'cover', 'contain']);
const FILTERS: ReadonlySet<unknown> = new Set(['bilinear', 'bicubic', 'lanczos3']);

/** @throws RangeError where an option breaks its rule. */
export function imageOptions(options: DecodeImageOptions): ImageOptions {
  const { resize, fit = 'fill', maxPixels = DEFAULT_MAX_PIXELS, maxFrames = DEFAULT_MAX_FRAMES } = options;
  const { shortest, crop, filter = 'bilinear', antialias = true } = resize ?? {};
  const { width = crop ?? Number.NaN, height = crop ?? Number.NaN } = options;
  for (const [option, value, holds, rule] of [...resizeRules(options), ...sampleRules(options)]) {
    if (holds) continue;
    const shown = Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
    throw new RangeError(`Cannot decode images as '${option}' must be ${rule}: current value is ${shown}`);
  }
  return { width, height, fit, maxPixels, maxFrames, resize: resize && { shortest, filter, antialias } };
}

function sampleRules({ channels, layout, scale = 1, mean, std, ...options }: DecodeImageOptions): readonly Rule[] {
  const isForChannels = (values: readonly number[] | undefined): boolean =>
    values === undefined || (values.length === channels && values.every(Number.isFinite));
  return [
    ['channels', channels, channels === 1 || channels === 3, '1 or 3'],
    ['layout', layout, layout === 'CHW' || layout === 'HWC', "'CHW' or 'HWC'"],
    ['scale', scale, Number.isFinite(scale), 'a finite number'],
    ['mean', mean, isForChannels(mean), `a list of ${channels} numbers`],
    ['std', std, isForChannels(std) && std?.includes(0) !== true, `a list of ${channels} numbers other than 0`],
    ['maxPixels', options.maxPixels, isSize(options.maxPixels ?? 1), 'a positive integer'],
    ['maxFrames', options.maxFrames, isSize(options.maxFrames ?? 1), 'a positive integer'],
  ];
}

function resizeRules({ width, height, fit, resize }: DecodeImageOptions): readonly Rule[] {
  const { shortest, crop, filter = 'bilinear', antialias = true } = resize ?? {};
  const sides = crop === undefined ? [width ?? 0, height ?? 0] : [crop];
  const isCropped = crop !== undefined && shortest !== undefined;
  const none = "omitted, as 'resize.crop' is given";
  return [
    ['resize.crop', crop, crop === undefined || isSize(crop), 'a positive integer'],
    ['resize.shortest', shortest, crop === undefined || isCropped, "given with 'resize.crop'"],
    ['width', width, isCropped ? width === undefined : isSize(width), isCropped ? none : 'a positive integer'],
    ['height', height, isCropped ? height === undefined : isSize(height), isCropped ? none : 'a positive integer'],
    [
      'resize.shortest',
      shortest,
      shortest === undefined || (isSize(shortest) && shortest >= Math.max(...sides)),
      `an integer that is not less than the result's sides, ${sides.join(' and ')}`,
    ],
    ['resize.filter', filter, FILTERS.has(filter), "'bilinear', 'bicubic' or 'lanczos3'"],
    ['resize.antialias', antialias, typeof antialias === 'boolean', 'true or false'],
    ['fit', fit, fit === undefined || FITS.has(fit), "'fill', 'cover' or 'contain'"],
    ['fit', fit, fit === undefined || resize === undefined, "omitted, as 'resize' is given"],
  ];
}

function isSize(value: number | undefined): boolean {
  return value !== undefined && Number.isSafeInteger(value) && value > 0;
}
