import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Hexadecimal digits of a digest that a result line shows. */
const SHOWN_DIGITS = 12;

/**
 * The SHA-256 of an ONNX model in hexadecimal. Weights that lie in files of their own (external data) count too, in
 * the order of their names.
 */
export async function digestOfOnnxModel(path: string): Promise<string> {
  const hash = createHash('sha256');
  const model = await readFile(path);
  hash.update(model);
  for (const location of externalLocations(model)) {
    for await (const chunk of createReadStream(join(dirname(path), location))) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

export function shownDigest(digest: string): string {
  return digest.slice(0, SHOWN_DIGITS);
}

/**
 * The files that hold a model's external data. Each tensor names its own in a StringStringEntryProto
 * (onnx.proto, TensorProto.external_data): field 1 `location`, field 2 the path, as protobuf strings.
 */
export function externalLocations(model: Buffer): readonly string[] {
  const marker = Buffer.from('\x0a\x08location\x12', 'latin1');
  const locations = new Set<string>();
  for (let at = model.indexOf(marker); at >= 0; at = model.indexOf(marker, at + 1)) {
    const { value: length, end: start } = varint(model, at + marker.length);
    locations.add(model.toString('utf8', start, start + length));
  }
  return [...locations].sort();
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
