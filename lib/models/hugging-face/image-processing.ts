import { join } from 'node:path';
import { ModelLoadError } from '../../errors.ts';
import { isRecord } from '../element-shape.ts';
import { type DecodeImageOptions, type ImageResize, imageOptions } from '../image-options.ts';
import { type JsonObject, type ModelSettings, readJson } from './model-settings.ts';

const FILE = 'preprocessor_config.json';

/** Filters by their numbers in Pillow. */
const FILTERS: Readonly<Record<number, NonNullable<ImageResize['filter']>>> = {
  1: 'lanczos3',
  2: 'bilinear',
  3: 'bicubic',
};
const BILINEAR = 2;

/** Steps that are not computed here. */
const OTHER_STEPS = ['do_pad', 'do_flip_channel_order', 'do_reduce_labels', 'do_image_splitting'] as const;

interface Sides {
  readonly width: number;
  readonly height: number;
}

/**
 * Reads how a model's images are resized, cropped and normalised.
 *
 * @throws ModelLoadError if the folder does not tell, or has a step that is not supported
 */
export async function readImageOptions({ folder, config: model }: ModelSettings): Promise<DecodeImageOptions> {
  const config = await readJson(folder, FILE);
  if (config === undefined) {
    throw new ModelLoadError(
      `${folder} has no ${FILE}: save the image processor beside the model, in Python with AutoImageProcessor.from_pretrained(…).save_pretrained(folder)`,
    );
  }
  const refuse = (what: string): never => {
    throw new ModelLoadError(
      `${join(folder, FILE)} has ${what}, which is not supported: decode images with decodeImage(…) for an OnnxModelHandler`,
    );
  };
  const other = OTHER_STEPS.find((step) => config[step] === true);
  if (other !== undefined) refuse(`'${other}'`);
  const channels = model['num_channels'] === 1 ? 1 : 3;
  const isNormalized = config['do_normalize'] !== false;
  const options: DecodeImageOptions = {
    channels,
    layout: 'CHW',
    scale: config['do_rescale'] === false ? 1 : (numberOf(config['rescale_factor']) ?? 1 / 255),
    mean: isNormalized ? listOf(config['image_mean'], channels, 0) : listOf(undefined, channels, 0),
    std: isNormalized ? listOf(config['image_std'], channels, 1) : listOf(undefined, channels, 1),
    ...sizesOf(config, refuse),
  };
  try {
    imageOptions(options);
  } catch (error) {
    refuse((error as Error).message.replace(/^Cannot decode images as /, ''));
  }
  return options;
}

type Refuse = (what: string) => never;
type Sizes = Pick<DecodeImageOptions, 'width' | 'height' | 'resize'>;

/** Returns the steps that change the size: stretched, or the shorter side resized and a part cut out of the centre. */
function sizesOf(config: JsonObject, refuse: Refuse): Sizes {
  if (config['do_resize'] === false) refuse("no 'do_resize'");
  const filter =
    FILTERS[numberOf(config['resample']) ?? BILINEAR] ??
    refuse(`the filter ${String(config['resample'])} in 'resample'`);
  const size = sizeIn(config['size']) ?? refuse("no 'size' of a shortest edge, or of height and width,");
  const crop =
    config['do_center_crop'] === true ? (sidesIn(config['crop_size']) ?? refuse("no 'crop_size'")) : undefined;
  const share = numberOf(config['crop_pct']);
  if (share !== undefined && typeof size === 'number') return convNextSizes(size, share, filter);
  if (typeof size === 'number') {
    // A single number means a square, unless a part is cut out or it is the shortest edge.
    if (crop !== undefined) return { ...crop, resize: { shortest: size, filter } };
    return isRecord(config['size'])
      ? refuse("a 'shortest_edge' without 'do_center_crop'")
      : { width: size, height: size, resize: { filter } };
  }
  if (crop !== undefined && (crop.width !== size.width || crop.height !== size.height)) {
    refuse("'do_center_crop' after a 'size' of height and width");
  }
  return { ...size, resize: { filter } };
}

/** Size above which ConvNext models read the whole image. */
const CONVNEXT_WHOLE = 384;

function convNextSizes(size: number, share: number, filter: NonNullable<ImageResize['filter']>): Sizes {
  const sides = { width: size, height: size };
  if (size >= CONVNEXT_WHOLE) return { ...sides, resize: { filter } };
  return { ...sides, resize: { shortest: Math.trunc(size / share), filter } };
}

/** Returns a number for the shortest edge, or for a size that is a number itself. */
function sizeIn(size: unknown): number | Sides | undefined {
  if (typeof size === 'number') return size;
  if (!isRecord(size) || numberOf(size['longest_edge']) !== undefined) return undefined;
  return numberOf(size['shortest_edge']) ?? sidesIn(size);
}

function sidesIn(size: unknown): Sides | undefined {
  if (typeof size === 'number') return { width: size, height: size };
  if (!isRecord(size)) return undefined;
  const [width, height] = [numberOf(size['width']), numberOf(size['height'])];
  return width === undefined || height === undefined ? undefined : { width, height };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function listOf(value: unknown, channels: number, otherwise: number): readonly number[] {
  const list = Array.isArray(value) ? value.map(Number) : [];
  return Array.from({ length: channels }, (_, channel) => list[channel] ?? otherwise);
}
