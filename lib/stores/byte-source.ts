/** Bytes `[start, end)` of an object: `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What formats read from: a file, an S3 object, or the decompressed bytes of one. */
export interface ByteSource {
  readonly byteLength: number;
  /** The bytes of the range in order, in chunks of whatever size; a range past the end is cut there. Chunks belong to the caller. */
  read(range: ByteRange, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>;
}
