import { isBinary } from './encodings.ts';

interface Signature {
  /** Name of the kind of object that begins with it, with its article. */
  readonly what: string;
  readonly bytes: Buffer;
  readonly at?: number;
  /** True if text may begin with it, too: then it applies only to objects that are not text. */
  readonly isShort?: boolean;
  readonly advice: string;
}

const EXPORT = 'export it as CSV or JSON Lines';
const UNPACK = 'unpack it first';
const RECOMPRESS = 'decompress it, or compress it with gzip or zstd';
const IMAGES = "pictures are read by 'input.format': 'images'";

function signature(
  what: string,
  bytes: string,
  advice: string,
  more: Pick<Signature, 'at' | 'isShort'> = {},
): Signature {
  return { what, bytes: Buffer.from(bytes, 'latin1'), advice, ...more };
}

const SIGNATURES: readonly Signature[] = [
  signature('a Parquet file', 'PAR1', EXPORT, { isShort: true }),
  signature('an encrypted Parquet file', 'PARE', EXPORT, { isShort: true }),
  signature('an ORC file', 'ORC', EXPORT, { isShort: true }),
  signature('an Avro file', 'Obj\x01', EXPORT),
  signature('an Arrow file', 'ARROW1\0\0', EXPORT),
  signature('a SQLite database', 'SQLite format 3\0', EXPORT),
  signature('an HDF5 file', '\x89HDF\r\n\x1a\n', EXPORT),
  signature('a NumPy file', '\x93NUMPY', EXPORT),
  signature('an Excel file of the old format, or another Office file', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', EXPORT),
  signature('a ZIP archive or an Office file (xlsx)', 'PK\x03\x04', 'unpack it, or save its sheet as CSV'),
  signature('a PDF file', '%PDF-', 'extract its text'),
  signature('a tar archive', 'ustar', UNPACK, { at: 257, isShort: true }),
  signature('a 7z archive', '7z\xbc\xaf\x27\x1c', UNPACK),
  signature('a RAR archive', 'Rar!\x1a\x07', UNPACK),
  signature('compressed with bzip2', 'BZh', RECOMPRESS, { isShort: true }),
  signature('compressed with xz', '\xfd7zXZ\0', RECOMPRESS),
  signature('compressed with LZ4', '\x04\x22\x4d\x18', RECOMPRESS),
  signature('compressed with Snappy', '\xff\x06\0\0sNaPpY', RECOMPRESS),
  signature('compressed with compress', '\x1f\x9d', RECOMPRESS),
  signature('compressed with gzip, in gzip or zstd', '\x1f\x8b', 'decompress it once'),
  signature('compressed with zstd, in gzip or zstd', '\x28\xb5\x2f\xfd', 'decompress it once'),
  signature('a PNG image', '\x89PNG\r\n\x1a\n', IMAGES),
  signature('a JPEG image', '\xff\xd8\xff', IMAGES),
  signature('a GIF image', 'GIF8', IMAGES, { isShort: true }),
];

/** Names the kind of an object by its first bytes, and what to do with it; undefined if the signature is unknown. */
export function describeSignature(head: Buffer): { readonly what: string; readonly advice: string } | undefined {
  return SIGNATURES.find(({ bytes, at = 0, isShort }) => {
    if (!bytes.equals(head.subarray(at, at + bytes.length))) return false;
    return isShort !== true || isBinary(head);
  });
}
