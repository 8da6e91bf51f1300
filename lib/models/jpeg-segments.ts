/** Codes of markers (ITU T.81, table B.1), each after a byte 0xFF. */
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const APP0 = 0xe0;
/** Baseline and extended sequential frames. */
const SEQUENTIAL_FRAMES: ReadonlySet<number> = new Set([0xc0, 0xc1]);
/** The end of a scan header: first and last coefficient, bit positions. Sequential JPEGs should have only these. */
const WHOLE_SCAN: readonly number[] = [0, 63, 0];
/** A marker and the length of its segment. */
const SEGMENT_HEAD_BYTES = 4;

interface Segment {
  readonly code: number;
  /** Offset of its marker. Bytes between the previous segment and this one do not belong to a segment. */
  readonly at: number;
  readonly end: number;
  /** Offset of the end of the compressed data after it; `end` if there is no data. */
  readonly dataEnd: number;
}

/**
 * Copies a JPEG without the parts that decoders warn about although no pixel depends on them: scan parameters that
 * sequential JPEGs do not use (Samsung's phones write others), bytes between segments, a JFIF version that is not 1.
 * Compressed data stays as it is, so that a warning about the copy is about lost pixels.
 *
 * @returns undefined if there is nothing to remove
 */
export function tidyJpeg(bytes: Uint8Array): Uint8Array | undefined {
  const kept: Uint8Array[] = [];
  let tidied = false;
  let isSequential = false;
  let expected = 0;
  for (const { code, at, end, dataEnd } of segmentsOf(bytes)) {
    const header = Uint8Array.from(bytes.subarray(at, end));
    isSequential ||= SEQUENTIAL_FRAMES.has(code);
    const isChanged =
      at > expected || (code === SOS && isSequential && setTail(header)) || setJfifVersion(code, header);
    tidied ||= isChanged;
    kept.push(header, bytes.subarray(end, dataEnd));
    expected = dataEnd;
  }
  return tidied ? Buffer.concat(kept) : undefined;
}

/** Checks whether a JPEG has its end marker, which other bytes may follow. A truncated JPEG does not have it. */
export function hasJpegEnd(bytes: Uint8Array): boolean {
  if (bytes.at(-2) === 0xff && bytes.at(-1) === EOI) return true;
  let last = SOI;
  for (const { code } of segmentsOf(bytes)) last = code;
  return last === EOI;
}

/** Counts the scans, each of which the decoder goes through the whole image for. */
export function countScans(bytes: Uint8Array): number {
  let count = 0;
  for (const { code } of segmentsOf(bytes)) if (code === SOS) count += 1;
  return count;
}

/** Yields the segments up to the end of the image, or as far as they are complete. */
function* segmentsOf(bytes: Uint8Array): Generator<Segment> {
  let from = 0;
  for (;;) {
    const at = markerFrom(bytes, from, false);
    const code = bytes[at + 1];
    if (code === undefined) return;
    const hasLength = code !== SOI && code !== EOI && !isRestart(code);
    const end = at + 2 + (hasLength ? (bytes[at + 2] ?? 0) * 256 + (bytes[at + 3] ?? 0) : 0);
    if (end > bytes.length) return;
    const dataEnd = code === SOS ? markerFrom(bytes, end, true) : end;
    yield { code, at, end, dataEnd };
    if (code === EOI) return;
    from = dataEnd;
  }
}

/**
 * Finds the next marker, after its fill bytes; the end of the bytes if there is no other marker. In compressed data a
 * byte 0xFF with a zero after it, and restart markers, are parts of the data.
 */
function markerFrom(bytes: Uint8Array, from: number, inData: boolean): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const code = bytes[at + 1];
    if (code !== undefined && code !== 0 && code !== 0xff && !(inData && isRestart(code))) return at;
  }
  return bytes.length;
}

function isRestart(code: number): boolean {
  return code >= 0xd0 && code <= 0xd7;
}

/** @returns whether the scan header had another end before */
function setTail(header: Uint8Array): boolean {
  const at = header.length - WHOLE_SCAN.length;
  // A segment that is too short to be a scan header stays: the decoder reports it.
  if (at < SEGMENT_HEAD_BYTES) return false;
  const differs = WHOLE_SCAN.some((byte, index) => header[at + index] !== byte);
  if (differs) header.set(WHOLE_SCAN, at);
  return differs;
}

/** @returns whether the segment is a JFIF segment that had another version before */
function setJfifVersion(code: number, header: Uint8Array): boolean {
  const isJfif = code === APP0 && Buffer.from(header.subarray(4, 9)).toString('latin1') === 'JFIF\0';
  if (!isJfif || header[9] === 1) return false;
  header[9] = 1;
  return true;
}
