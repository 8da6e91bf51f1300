import type { Metadata, Sharp, SharpConstructor, SharpOptions } from 'sharp';
import { ElementReadError } from '../errors.ts';
import { isJpeg } from '../formats/image-signature.ts';
import { countProfileOperations } from '../formats/images/color-profile.ts';
import { decodableImage } from '../formats/images/decodable-image.ts';
import { imageTooLarge, undecodable } from '../formats/images/image-errors.ts';
import { limitLoaders } from '../formats/images/limit-loaders.ts';
import { countScans, hasJpegEnd, tidyJpeg } from './jpeg-segments.ts';
import type { Raster } from './resampler.ts';

export interface ImageTarget {
  readonly width: number;
  readonly height: number;
  readonly fit: 'fill' | 'cover' | 'contain';
}

export interface SampleOptions {
  readonly channels: 1 | 3;
  readonly maxPixels: number;
  readonly maxFrames: number;
  /** Size and fit of the result of libvips. @default the size of the image */
  readonly target?: ImageTarget | undefined;
}

/** Types of samples that can be read as 8 bits. For floats and larger integers, white depends on the writer. */
const READABLE_DEPTHS: ReadonlySet<string> = new Set(['uchar', 'ushort']);

/** Encoders write 10 to 20 scans. The decoder has no limit, and a scan of a few bytes can go through all pixels. */
const MAX_SCANS = 100;
/** Real profiles have fewer than ten. */
const MAX_PROFILE_OPERATIONS = 1000;
/** Start of the segments of a JPEG that hold its colour profile. */
const JPEG_PROFILE = 'ICC_PROFILE';

export async function loadSharp(): Promise<SharpConstructor> {
  const { default: library } = await import('sharp');
  return limitLoaders(library);
}

/**
 * Decodes an image to 8-bit samples. A grey image may have a stride of 1 when 3 channels are wanted.
 *
 * @throws ElementReadError if the image can't be decoded to its last pixel, or breaks a bound.
 */
export async function imageSamples(open: SharpConstructor, bytes: Uint8Array, options: SampleOptions): Promise<Raster> {
  try {
    const image = decodableImage(bytes, options);
    return isJpeg(image) ? await jpegSamples(open, image, options) : await otherSamples(open, image, options);
  } catch (error) {
    throw error instanceof ElementReadError ? error : decodeError(error as Error, options.maxPixels);
  }
}

/**
 * Fails on any warning of the decoder, because most of them mean lost pixels: the data ends too early, for example. If
 * a warning may have another cause, the image is decoded once more without that cause.
 */
async function jpegSamples(open: SharpConstructor, bytes: Uint8Array, wanted: SampleOptions): Promise<Raster> {
  // The decoder does not detect this in the last lines of an image that it scales down.
  if (!hasJpegEnd(bytes)) throw undecodable('it is cut short');
  const scans = countScans(bytes);
  if (scans > MAX_SCANS) throw undecodable(`it has ${scans} scans, more than ${MAX_SCANS}: save it again`);
  const options = inputOptions(wanted, 'warning');
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(JPEG_PROFILE, 0, 'latin1'))
    checkProfile(await open(bytes, { ...options, failOn: 'none' }).metadata());
  try {
    return await decoded(open(bytes, options), wanted);
  } catch (error) {
    const tidy = tidyJpeg(bytes);
    if (tidy === undefined) throw error;
    return await decoded(open(tidy, options), wanted);
  }
}

/** Other decoders distinguish errors, which mean lost pixels, from warnings: an unknown tag, for example. */
async function otherSamples(open: SharpConstructor, bytes: Uint8Array, wanted: SampleOptions): Promise<Raster> {
  const options = inputOptions(wanted, 'error');
  const metadata = await open(bytes, options).metadata();
  checkDepth(metadata);
  checkProfile(metadata);
  const { target } = wanted;
  if (!metadata.hasAlpha || target === undefined) return decoded(open(bytes, options), wanted);
  // Resizing weights colours by their alpha, which turns transparent ones black, so alpha is removed first.
  const opaque = await decoded(open(bytes, options), { ...wanted, target: undefined });
  const { data, width, height, stride } = opaque;
  if (width === target.width && height === target.height) return opaque;
  const raw = { width, height, channels: stride };
  return decoded(open(data, { raw, limitInputPixels: wanted.maxPixels }), wanted);
}

function inputOptions({ maxPixels }: SampleOptions, failOn: 'warning' | 'error'): SharpOptions {
  return { limitInputPixels: maxPixels, sequentialRead: true, autoOrient: true, failOn };
}

async function decoded(image: Sharp, { channels, target }: SampleOptions): Promise<Raster> {
  // The background, of `contain`, is black by default.
  const sized = target === undefined ? image : image.resize(target);
  const opaque = sized.removeAlpha();
  const coloured = channels === 1 ? opaque.grayscale() : opaque.toColourspace('srgb');
  const { data, info } = await coloured.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, stride: checkedStride(info.channels) };
}

function checkDepth({ depth }: Metadata): void {
  if (depth === undefined || READABLE_DEPTHS.has(depth)) return;
  throw undecodable(
    `its samples are of type '${depth}', and only unsigned integers of 8 or 16 bits are read: convert it`,
  );
}

function checkProfile({ icc }: Metadata): void {
  if (icc === undefined || countProfileOperations(icc, MAX_PROFILE_OPERATIONS) <= MAX_PROFILE_OPERATIONS) return;
  throw undecodable(
    `its colour profile has more than ${MAX_PROFILE_OPERATIONS} operations: remove the profile, or convert the image to sRGB`,
  );
}

function checkedStride(channels: number): 1 | 3 {
  if (channels === 1 || channels === 3) return channels;
  throw undecodable(`it has ${channels} channels, and only grey and colour images are read, with or without alpha`);
}

function decodeError(error: Error, maxPixels: number): ElementReadError {
  if (error.message.includes('exceeds pixel limit'))
    return imageTooLarge(`The image has more pixels than maxPixels, ${maxPixels}`, error);
  return undecodable(oneLine(error.message), error);
}

function oneLine(message: string): string {
  const lines = message.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').join('; ');
}
