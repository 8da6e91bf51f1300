import type { Clock } from './clock.ts';

/** Waits for a time, or until the signal aborts. @throws the signal's reason */
export async function waitFor(millis: number, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const leave = (): void => reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  const timer = clock.setTimeout(resolve, millis);
  try {
    await promise;
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', leave);
  }
}
