import { defineConfig } from 'vitest/config';
import { resolve, shared } from './vitest.config.ts';

/** The recipes of examples/export, in a Python environment that `npm run test:export` installs. */
export default defineConfig({
  test: {
    ...shared,
    include: ['test/export/**/*.test.ts'],
    globalSetup: ['test/build-package.ts', 'test/export/python-environment.ts'],
    maxWorkers: 1,
    // Training, exporting and running a model, on a machine that is busy with something else.
    hookTimeout: 240_000,
  },
  resolve,
});
