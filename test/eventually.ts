import { vi } from 'vitest';

/** Far longer than anything here takes, on a machine with too much to do as well. */
const PATIENCE_MILLIS = 30_000;

/** Resolves when the check holds, with what it gives. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: PATIENCE_MILLIS });
}
