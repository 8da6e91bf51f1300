/**
 * The files that hold a model's external data. Each tensor names its own in a StringStringEntryProto
 * (onnx.proto, TensorProto.external_data): field 1 `location`, field 2 the path, as protobuf strings.
 */
const MARKER = Buffer.from('\x0a\x08location\x12', 'latin1');
/** No path is longer: what looks like one is weights that happen to hold the marker. */
const MAX_LOCATION_BYTES = 4096;
/** Bytes of the length of a path, as a varint. */
const MAX_LENGTH_BYTES = 2;

/** Finds them in a model that comes in chunks. */
export class LocationScanner {
  readonly #found = new Set<string>();
  /** End of the last chunk, which may be the beginning of a marker and its path. */
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#rest.length === 0) return this.#scan(bytes);
    // A marker and its path lie in what is left and so much of the chunk, or in the chunk alone.
    const reach = Math.min(bytes.length, MARKER.length + MAX_LENGTH_BYTES + MAX_LOCATION_BYTES);
    const seam = Buffer.concat([this.#rest, bytes.subarray(0, reach)]);
    this.#scan(seam);
    if (reach < bytes.length) this.#scan(bytes);
  }

  /** Those found so far, in the order of their names. */
  get locations(): readonly string[] {
    return [...this.#found].toSorted();
  }

  #scan(bytes: Buffer): void {
    let keep = Math.max(0, bytes.length - (MARKER.length - 1));
    for (let at = bytes.indexOf(MARKER); at >= 0; at = bytes.indexOf(MARKER, at + 1)) {
      const start = at + MARKER.length;
      const { value: length, end } = varint(bytes, start);
      if (length > MAX_LOCATION_BYTES) continue;
      if (end > bytes.length || end + length > bytes.length) keep = Math.min(keep, at);
      else this.#found.add(bytes.toString('utf8', end, end + length));
    }
    // A copy: the chunk may be its reader's to use again.
    this.#rest = Buffer.from(bytes.subarray(keep));
  }
}

/** The same of a model that is whole in memory. */
export function externalLocations(model: Uint8Array): readonly string[] {
  const scanner = new LocationScanner();
  scanner.push(model);
  return scanner.locations;
}

/** A protobuf varint: seven bits a byte, the lowest first; the last byte has its highest bit clear. */
function varint(bytes: Buffer, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let end = at, scale = 1; ; end += 1, scale *= 0x80) {
    const byte = bytes[end] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: end + 1 };
  }
}
