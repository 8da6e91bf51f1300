/**
 * Gives memory back now, and not when the collector finds it. Bytes that only pass through a thread are garbage at once;
 * left to the collector, they make it run much more often than the heap is worth.
 *
 * The whole buffer behind the bytes is gone: they must be all that anybody still looks at in it.
 */
export function freeBytes(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer && !bytes.buffer.detached) bytes.buffer.transfer(0);
}
