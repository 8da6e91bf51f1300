import { setFlagsFromString } from 'node:v8';

/**
 * Removes the heap limits that Lambda sets on Node's command line. They are for the memory of the whole function, and
 * V8 lets them override the limits of worker threads: one element could then use all memory and end the function. Call
 * it before the first worker starts.
 */
export function resetHeapLimits(): void {
  setFlagsFromString('--max-old-space-size=0');
  setFlagsFromString('--max-semi-space-size=0');
}
