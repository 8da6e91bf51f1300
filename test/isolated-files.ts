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
  // Draws plots with vega, which gives all sets a toJSON.
  'test/bench/scaling-simulation/simulate.test.ts',
  'test/remote/governor/quota-simulation.test.ts',
  // Import a function: it reads its environment once, sets flags of V8, and has an engine until its process ends.
  'test/functions/processor.test.ts',
  'test/functions/remote-processor.test.ts',
  // Set a variable that a config reads when it is imported, which is once in a process.
  'test/examples/model-folder.test.ts',
  'test/functions/gpu-worker/stopping.test.ts',
  'test/functions/gpu-worker/worker.test.ts',
  'test/inference/bundle-sources.test.ts',
  'test/inference/isolation-in-hosts.test.ts',
  'test/inference/keyed-bounds.test.ts',
  'test/inference/loading.test.ts',
  'test/inference/orphans.test.ts',
  'test/inference/prompts.test.ts',
  'test/inference/refresh.test.ts',
  'test/inference/shared-models.test.ts',
  'test/inference/toy-handler.test.ts',
  'test/jobs/processing/bundle-processor.test.ts',
  'test/models/handlers-in-hosts.test.ts',
  'test/remote/open-inference/in-an-engine.test.ts',
];
