import { isBinary } from './encodings.ts';

interface Signature {
  /** Name of the kind of object that begins with it, with its article. */
  readonly what: string;
  readonly bytes: Buffer;
  readonly at?: number;
  /** True if text can begin with it too: then it applies only to objects that are not text. */
  readonly isShort?: boolean;
  readonly advice: string;
}

const EXPORT = 'export it as CSV or JSON Lines';
const UNPACK = 'unpack it first';
const RECOMPRESS = 'decompress it, or compress it with gzip or zstd';
const PARQUET = "Parquet is read by 'input.format': 'parquet'";
const IMAGES = "pictures are read by 'input.format': 'images'";

function signature(what: string, bytes: string, rest: Pick<Signature, 'advice' | 'at' | 'isShort'>): Signature {
  return { what, bytes: Buffer.from(bytes, 'latin1'), ...rest };
}

const SIGNATURES: readonly Signature[] = [
  signature('a Parquet file', 'PAR1', { advice: PARQUET, isShort: true }),
  signature('an encrypted Parquet file', 'PARE', { advice: 'decrypt it first', isShort: true }),
  signature('an ORC file', 'ORC', { advice: EXPORT, isShort: true }),
  signature('an Avro file', 'Obj\x01', { advice: EXPORT }),
  signature('an Arrow file', 'ARROW1\0\0', { advice: EXPORT }),
  signature('a SQLite database', 'SQLite format 3\0', { advice: EXPORT }),
  signature('an HDF5 file', '\x89HDF\r\n\x1a\n', { advice: EXPORT }),
  signature('a NumPy file', '\x93NUMPY', { advice: EXPORT }),
  signature('an Excel file of the old format, or another Office file', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', {
    advice: EXPORT,
  }),
  signature('a ZIP archive or an Office file (xlsx)', 'PK\x03\x04', { advice: 'unpack it, or save its sheet as CSV' }),
  signature('a PDF file', '%PDF-', { advice: 'extract its text' }),
  signature('a tar archive', 'ustar', { advice: UNPACK, at: 257, isShort: true }),
  signature('a 7z archive', '7z\xbc\xaf\x27\x1c', { advice: UNPACK }),
  signature('a RAR archive', 'Rar!\x1a\x07', { advice: UNPACK }),
  signature('compressed with bzip2', 'BZh', { advice: RECOMPRESS, isShort: true }),
  signature('compressed with xz', '\xfd7zXZ\0', { advice: RECOMPRESS }),
  signature('compressed with LZ4', '\x04\x22\x4d\x18', { advice: RECOMPRESS }),
  signature('compressed with Snappy', '\xff\x06\0\0sNaPpY', { advice: RECOMPRESS }),
  signature('compressed with compress', '\x1f\x9d', { advice: RECOMPRESS }),
  signature('compressed with gzip, in gzip or zstd', '\x1f\x8b', { advice: 'decompress it once' }),
  signature('compressed with zstd, in gzip or zstd', '\x28\xb5\x2f\xfd', { advice: 'decompress it once' }),
  signature('a PNG image', '\x89PNG\r\n\x1a\n', { advice: IMAGES }),
  signature('a JPEG image', '\xff\xd8\xff', { advice: IMAGES }),
  signature('a GIF image', 'GIF8', { advice: IMAGES, isShort: true }),
];

/** Names the kind of an object by its first bytes, and what to do with it; undefined if the signature is unknown. */
export function describeSignature(head: Buffer): { readonly what: string; readonly advice: string } | undefined {
  return SIGNATURES.find(({ bytes, at = 0, isShort }) => {
    if (!bytes.equals(head.subarray(at, at + bytes.length))) return false;
    return isShort !== true || isBinary(head);
  });
}
