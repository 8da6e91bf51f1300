import { imageTooLarge } from '../formats/images/image-errors.ts';
import { type ResampleAxis, resampleAxis, type ResampleFilter } from './resample-axis.ts';
import type { ResampleAxes } from './resampler.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface ResizeOptions {
  /** Size of the result. */
  readonly width: number;
  readonly height: number;
  /** Length of the shorter side before the result is cut out of the centre. @default the image is stretched */
  readonly shortest?: number | undefined;
  readonly filter: ResampleFilter;
  readonly antialias: boolean;
  readonly maxPixels: number;
}

/** Weights of an axis are kept for images of the same size: 10 KB for 224 samples of a photograph. */
const MAX_KEPT_AXES = 64;

/**
 * Returns a function that plans on which axes an image is resampled, and of which only the result is computed.
 *
 * The function throws ElementReadError `ImageTooLarge` if the image would have more than `maxPixels` in between: an image
 * of one column and millions of rows, for example, each of which becomes as wide as the result.
 */
export function resizePlanner(options: ResizeOptions): (image: Size) => ResampleAxes {
  const { width, height, shortest, filter, antialias, maxPixels } = options;
  const kept = new Map<string, ResampleAxis>();
  const axisOf = (source: number, size: number, length: number): ResampleAxis => {
    const key = `${source} ${size} ${length}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const axis = resampleAxis({ source, size, ...centred(size, length), filter, antialias });
    if (kept.size === MAX_KEPT_AXES) kept.clear();
    kept.set(key, axis);
    return axis;
  };
  return (image) => {
    const whole = shortest === undefined ? options : shortestResized(image, shortest);
    const columns = axisOf(image.width, whole.width, width);
    const rows = axisOf(image.height, whole.height, height);
    const between = rows.end - rows.first;
    if (between * width <= maxPixels) return { columns, rows };
    throw imageTooLarge(
      `The image of ${image.width} × ${image.height} has more pixels than maxPixels, ${maxPixels}, while it is resized: it is ${width} × ${between} in between`,
    );
  };
}

/** The size after torchvision's `Resize(shortest)`, which rounds the longer side down. */
export function shortestResized({ width, height }: Size, shortest: number): Size {
  const longer = Math.trunc((shortest * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? { width: shortest, height: longer } : { width: longer, height: shortest };
}

/** The part in the centre, by torchvision's `CenterCrop`, which rounds its offset to the nearest, and halves to even. */
export function centred(size: number, length: number): { readonly start: number; readonly length: number } {
  const rest = size - length;
  const half = Math.floor(rest / 2);
  return { start: rest % 2 === 0 || half % 2 === 0 ? half : half + 1, length };
}
