import type { SharpConstructor } from 'sharp';

/**
 * libvips' loaders that interpret documents, call other libraries or programs, or read formats that are not decoded
 * here. Their names are those of classes, with the classes below them; unknown names have no effect.
 *
 * It is a list of what to block, although signatures decide what is decoded: libvips' state is that of the process, and
 * blocking all loaders before the allowed ones are unblocked would fail images that another thread opens in between.
 */
const BLOCKED_LOADERS: readonly string[] = [
  'Analyze',
  'Csv',
  'Dcraw',
  'Dcm',
  'Fits',
  'Jp2k',
  'Jxl',
  'Magick',
  'Magick7',
  'Mat',
  'Matrix',
  'Nifti',
  'Openexr',
  'Openslide',
  'Pdf',
  'Ppm',
  'Rad',
  'Raw',
  'Svg',
  'Uhdr',
  'Vips',
].map((name) => `VipsForeignLoad${name}`);

/**
 * Sets up the library that decodes images, for the whole process: it loads images only, never documents. Workers decode
 * in parallel, so one thread per image is enough. Each image is decoded once, so a cache would not help.
 */
export function limitLoaders(library: SharpConstructor): SharpConstructor {
  library.concurrency(1);
  library.cache(false);
  library.block({ operation: [...BLOCKED_LOADERS] });
  return library;
}
