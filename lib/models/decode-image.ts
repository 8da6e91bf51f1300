import type { SharpConstructor } from 'sharp';
import type { ObjectInput } from '../elements/element.ts';
import { freeBytes } from '../stores/free-bytes.ts';
import { atMost } from './at-most.ts';
import { type DecodeImageOptions, imageOptions } from './image-options.ts';
import { imageSamples, type ImageTarget, loadSharp } from './image-samples.ts';
import type { ElementFunction } from './model-handler.ts';
import { samplePacker } from './pack-samples.ts';
import { type Raster, Resampler } from './resampler.ts';
import { resizePlanner } from './resize-plan.ts';

/**
 * Images that are decoded in their full size at once: the number of threads in which Node decodes. Others would only
 * hold memory, 150 MB for an image of 50 million pixels.
 */
const MAX_FULL_SIZE_IMAGES = 4;

/**
 * A preprocess function that decodes an image (JPEG, PNG, WebP, AVIF, GIF, TIFF) to a flat Float32Array of
 * `channels · height · width` values, each `(sample · scale - mean) / std`.
 *
 * An image of the wanted size is not resampled. With `resize`, samples are those of torchvision's transforms on a PIL
 * image: `resize: { shortest: 256, crop: 224 }` is `Resize(256)` and `CenterCrop(224)`. The image is then decoded in its
 * full size and resampled with the fixed-point arithmetic of Pillow.
 *
 * EXIF orientation is applied, so that the model sees what people see. Samples are 8-bit sRGB. Alpha is dropped first,
 * so that a transparent pixel has the colour that is stored for it. Only the first frame of an animation is used. An
 * SVG, a PDF or another document is not an image: render it first.
 *
 * The function throws ElementReadError, so that its failures are at stage `read`: `ImageDecodeError` for bytes that
 * can't be decoded to the last pixel, for other types and for samples that are not unsigned integers of 8 or 16 bits,
 * `ImageTooLarge` for more than `maxPixels` or `maxFrames`, or for more than `maxPixels` between the two passes of
 * `resize`.
 *
 * @throws RangeError where an option breaks its rule.
 */
export function decodeImage(options: DecodeImageOptions): ElementFunction<ObjectInput, Float32Array> {
  const { width, height, fit, resize, maxPixels, maxFrames } = imageOptions(options);
  const bounds = { channels: options.channels, maxPixels, maxFrames };
  const pack = samplePacker(options);
  let library: Promise<SharpConstructor> | undefined;
  const decode = async (bytes: Uint8Array, target?: ImageTarget): Promise<Raster> => {
    library ??= loadSharp();
    return imageSamples(await library, bytes, { ...bounds, target });
  };
  if (resize === undefined)
    return async ({ bytes }) => {
      const image = await decode(bytes, { width, height, fit });
      const packed = pack(image);
      freeSamples(image);
      return packed;
    };

  const planOf = resizePlanner({ width, height, maxPixels, ...resize });
  const resampler = new Resampler();
  const admit = atMost(MAX_FULL_SIZE_IMAGES);
  return async ({ bytes }) =>
    admit(async () => {
      const image = await decode(bytes);
      const packed = pack(resampler.resample(image, planOf(image)));
      freeSamples(image);
      return packed;
    });
}

/** Frees the memory of samples, which the decoder allocated for them alone, without waiting for the collector. */
function freeSamples({ data }: Raster): void {
  if (data.byteLength === data.buffer.byteLength) freeBytes(data);
}
