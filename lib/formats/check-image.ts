import { imageSize } from 'image-size';
import type { SharpConstructor } from 'sharp';
import type { ObjectInput } from '../elements/element.ts';
import { describeError, ElementReadError, type ErrorDescription } from '../errors.ts';
import { heifSize, isHeif } from './images/heif-size.ts';
import { imageKindOf, isSvg } from './image-signature.ts';
import { decodableImage, DEFAULT_MAX_FRAMES, SVG_REASON } from './images/decodable-image.ts';
import { undecodable } from './images/image-errors.ts';
import { limitLoaders } from './images/limit-loaders.ts';
import { failure, UNKNOWN_CONTENT_TYPE } from './read-element.ts';

interface ImageHeader {
  readonly width: number;
  readonly height: number;
  /** Name of the type: `jpg`, `png`. */
  readonly type: string | undefined;
}

/** Reads the image's header only; callers that need the pixels decode it. */
export async function checkImage(
  bytes: Uint8Array,
  uri: string,
  maxPixels: number,
): Promise<ObjectInput | ErrorDescription> {
  if (imageKindOf(bytes) === undefined && isSvg(bytes)) return describeError(undecodable(SVG_REASON));
  const header = quickHeader(bytes) ?? (await fullHeader(bytes, maxPixels));
  if (header instanceof ElementReadError) return describeError(header);
  if (header === undefined)
    return failure('ImageDecodeError', 'The image cannot be decoded: its header is of no known type, or damaged');
  const { width, height, type } = header;
  if (!(width > 0 && height > 0)) return failure('ImageDecodeError', 'The image cannot be decoded: it has no size');
  if (width * height <= maxPixels) return { bytes, contentType: contentTypeOf(type), uri };
  const message = `The image has ${width} × ${height} pixels, more than maxPixels, ${maxPixels}`;
  return failure('ImageTooLarge', message);
}

/**
 * Maximum bytes of an SVG that are searched for its first tag, which usually has a few hundred. The library searches for
 * the tag's end from each of many starts.
 */
const SVG_HEAD_BYTES = 64 * 1024;
/** Number of bytes in which the library looks for the start of an SVG's first tag. */
const SVG_START_BYTES = 1000;

/** Reads the header of many types, but only in its usual form. */
function quickHeader(bytes: Uint8Array): ImageHeader | undefined {
  // The library takes quadratic time for a file of many small boxes.
  if (isHeif(bytes)) return heifSize(bytes);
  const mayBeSvg = imageKindOf(bytes) === undefined && Buffer.from(bytes.subarray(0, SVG_START_BYTES)).includes('<svg');
  try {
    const { width, height, type } = imageSize(mayBeSvg ? bytes.subarray(0, SVG_HEAD_BYTES) : bytes);
    return { width, height, type };
  } catch {
    return undefined;
  }
}

/**
 * Reads headers as the decoder does: JPEG's fill bytes before a marker, for example. Supports only the types whose
 * header it reads without decoding the image.
 */
async function fullHeader(bytes: Uint8Array, maxPixels: number): Promise<ImageHeader | ElementReadError | undefined> {
  if (imageKindOf(bytes) === undefined) return undefined;
  const sharp = await decoder();
  if (sharp === undefined) return undefined;
  try {
    const image = decodableImage(bytes, { maxPixels, maxFrames: DEFAULT_MAX_FRAMES });
    const { width, height, format } = await sharp(image, { failOn: 'none', limitInputPixels: false }).metadata();
    return { width, height, type: format };
  } catch (error) {
    return error instanceof ElementReadError ? error : undefined;
  }
}

/**
 * Imports the library that decodes images, if it is installed. A deployed function includes it only if the config
 * decodes images: a bundler does not include an import whose name is the value of a parameter.
 */
async function decoder(name = 'sharp'): Promise<SharpConstructor | undefined> {
  try {
    const library = (await import(name)) as { readonly default: SharpConstructor };
    return limitLoaders(library.default);
  } catch {
    return undefined;
  }
}

function contentTypeOf(type: string | undefined): string {
  switch (type) {
    case undefined:
      return UNKNOWN_CONTENT_TYPE;
    case 'jpg':
      return 'image/jpeg';
    default:
      return `image/${type}`;
  }
}
