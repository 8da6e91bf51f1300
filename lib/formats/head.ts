import type { ByteSource } from '../stores/byte-source.ts';
import type { ReadOptions } from './format.ts';

/** Reads the first `byteLength` bytes of an object, or all of a smaller one. */
export async function readHead(source: ByteSource, byteLength: number, { signal }: ReadOptions = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read({ start: 0, end: byteLength }, signal ? { signal } : {})) chunks.push(chunk);
  return Buffer.concat(chunks);
}
