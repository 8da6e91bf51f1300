import { setFlagsFromString } from 'node:v8';

/**
 * Takes back the heap limits that Lambda puts on Node's command line. They are of the whole function's memory, and V8 lets
 * them override the limits of worker threads: one element could then use up the memory of the function and end it. Call it
 * before the first worker starts.
 */
export function resetHeapLimits(): void {
  setFlagsFromString('--max-old-space-size=0');
  setFlagsFromString('--max-semi-space-size=0');
}
