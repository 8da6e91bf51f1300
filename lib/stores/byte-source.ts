/** Bytes `[start, end)` of an object: `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The bytes that formats read: a file, an S3 object, or the decompressed bytes of one. Any range can be read. */
export interface ByteSource {
  readonly byteLength: number;
  /** Yields the bytes of the range in order, in chunks of any size, up to the object's end. Chunks belong to the caller. */
  read(range: ByteRange, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>;
}
