import type { Metadata, Sharp, SharpConstructor, SharpOptions } from 'sharp';
import { ElementReadError } from '../errors.ts';
import { isJpeg } from '../formats/image-signature.ts';
import { countProfileOperations } from '../formats/images/color-profile.ts';
import { decodableImage } from '../formats/images/decodable-image.ts';
import { imageTooLarge, undecodable } from '../formats/images/image-errors.ts';
import { limitLoaders } from '../formats/images/limit-loaders.ts';
import { countScans, hasJpegEnd, tidyJpeg } from './jpeg-segments.ts';

export interface ImageSize {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly fit: 'fill' | 'cover' | 'contain';
  readonly maxPixels: number;
  readonly maxFrames: number;
}

/** Decoded 8-bit samples, pixel after pixel. */
export interface ImageSamples {
  readonly data: Uint8Array;
  /** Number of samples per pixel: 1 or 3. A grey image may have 1 when 3 are wanted. */
  readonly stride: number;
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

/** @throws ElementReadError if the image can't be decoded to its last pixel, or breaks a bound. */
export async function imageSamples(open: SharpConstructor, bytes: Uint8Array, size: ImageSize): Promise<ImageSamples> {
  try {
    const image = decodableImage(bytes, size);
    return isJpeg(image) ? await jpegSamples(open, image, size) : await otherSamples(open, image, size);
  } catch (error) {
    throw error instanceof ElementReadError ? error : decodeError(error as Error, size.maxPixels);
  }
}

/**
 * Fails on any warning of the decoder, because most of them mean lost pixels: the data ends too early, for example. If
 * a warning may have another cause, the image is decoded once more without that cause.
 */
async function jpegSamples(open: SharpConstructor, bytes: Uint8Array, size: ImageSize): Promise<ImageSamples> {
  // The decoder does not detect this in the last lines of an image that it scales down.
  if (!hasJpegEnd(bytes)) throw undecodable('it is cut short');
  const scans = countScans(bytes);
  if (scans > MAX_SCANS) throw undecodable(`it has ${scans} scans, more than ${MAX_SCANS}: save it again`);
  const options = inputOptions(size, 'warning');
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(JPEG_PROFILE, 0, 'latin1'))
    checkProfile(await open(bytes, { ...options, failOn: 'none' }).metadata());
  try {
    return await resized(open(bytes, options), size);
  } catch (error) {
    const tidy = tidyJpeg(bytes);
    if (tidy === undefined) throw error;
    return await resized(open(tidy, options), size);
  }
}

/** Other decoders distinguish errors, which mean lost pixels, from warnings: an unknown tag, for example. */
async function otherSamples(open: SharpConstructor, bytes: Uint8Array, size: ImageSize): Promise<ImageSamples> {
  const options = inputOptions(size, 'error');
  const metadata = await open(bytes, options).metadata();
  checkDepth(metadata);
  checkProfile(metadata);
  if (!metadata.hasAlpha) return resized(open(bytes, options), size);
  // Resizing weights colours by their alpha, which turns transparent ones black, so alpha is removed first.
  const opaque = open(bytes, options).removeAlpha();
  const { data, info } = await coloursOf(opaque, size).raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const samples = checkedSamples(data, channels);
  if (width === size.width && height === size.height) return samples;
  return resized(open(data, { raw: { width, height, channels }, limitInputPixels: size.maxPixels }), size);
}

function inputOptions({ maxPixels }: ImageSize, failOn: 'warning' | 'error'): SharpOptions {
  return { limitInputPixels: maxPixels, sequentialRead: true, autoOrient: true, failOn };
}

async function resized(image: Sharp, size: ImageSize): Promise<ImageSamples> {
  const { width, height, fit } = size;
  const fitted = image.resize(width, height, { fit, background: 'black' }).removeAlpha();
  const { data, info } = await coloursOf(fitted, size).raw().toBuffer({ resolveWithObject: true });
  return checkedSamples(data, info.channels);
}

function coloursOf(image: Sharp, { channels }: ImageSize): Sharp {
  return channels === 1 ? image.grayscale() : image.toColourspace('srgb');
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

function checkedSamples(data: Uint8Array, stride: number): ImageSamples {
  if (stride === 1 || stride === 3) return { data, stride };
  throw undecodable(`it has ${stride} channels, and only grey and colour images are read, with or without alpha`);
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
