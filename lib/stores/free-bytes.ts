/**
 * Frees memory now, without waiting for the garbage collector. Bytes that only pass through a thread are garbage at
 * once; they would make the collector run much more often than the heap needs.
 *
 * The whole buffer of the bytes is freed: no other part of it can be in use.
 */
export function freeBytes(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer && !bytes.buffer.detached) bytes.buffer.transfer(0);
}
