/**
 * Test files that each run in a process of their own. All others share processes, so that the sources are loaded once for many
 * of them.
 */
export const ISOLATED_FILES = [
  // Measure the memory or the processor time of their process.
  'test/jobs/intake/huge-objects.test.ts',
  'test/linear-time/linear-time.test.ts',
  // Replaces a module of the sources.
  'test/jobs/toy-parts.test.ts',
  // Import a function: it reads its environment once, sets flags of V8, and has an engine until its process ends.
  'test/functions/processor.test.ts',
  'test/functions/remote-processor.test.ts',
];
