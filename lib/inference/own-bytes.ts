/**
 * A message that came through a process's channel, its bytes copied to buffers of their own. As they come, they are views
 * on what the channel read, where other messages lie too, aligned to nothing: to free one would end the others.
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
