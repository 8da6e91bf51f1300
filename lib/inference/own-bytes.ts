/**
 * Returns a message from a process's channel with its bytes copied to separate buffers. They arrive as unaligned views of
 * a buffer that also holds other messages: to free one would free the others.
 */
export function ownBytes<T>(message: T): T {
  return copied(message) as T;
}

function copied(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(copied);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copied(inner)]));
}
