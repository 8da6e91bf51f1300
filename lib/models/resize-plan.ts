import { imageTooLarge } from '../formats/images/image-errors.ts';
import { resampleAxis, type ResampleFilter } from './resample-axis.ts';
import type { ResampleAxes } from './resampler.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface ResizeOptions {
  /** Of the result. */
  readonly width: number;
  readonly height: number;
  /** Length of the shorter side before the result is cut out of the centre. @default the image is stretched */
  readonly shortest?: number | undefined;
  readonly filter: ResampleFilter;
  readonly antialias: boolean;
  readonly maxPixels: number;
}

/**
 * Returns the axes on which an image is resampled, and of which only the result is computed.
 *
 * @throws ElementReadError `ImageTooLarge` if it would have more than `maxPixels` in between: an image of one column and
 *   millions of rows, for example, each of which becomes as wide as the result.
 */
export function resizeAxes(image: Size, options: ResizeOptions): ResampleAxes {
  const { width, height, shortest, filter, antialias, maxPixels } = options;
  const whole = shortest === undefined ? options : shortestResized(image, shortest);
  const kind = { filter, antialias };
  const axes = {
    columns: resampleAxis({ ...kind, source: image.width, size: whole.width, ...centred(whole.width, width) }),
    rows: resampleAxis({ ...kind, source: image.height, size: whole.height, ...centred(whole.height, height) }),
  };
  const rows = axes.rows.end - axes.rows.first;
  if (rows * width <= maxPixels) return axes;
  throw imageTooLarge(
    `The image of ${image.width} × ${image.height} has more pixels than maxPixels, ${maxPixels}, while it is resized: it is ${width} × ${rows} in between`,
  );
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
