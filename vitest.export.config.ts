import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The recipes of examples/export, in a Python environment that `npm run test:export` installs. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/export/**/*.test.ts'],
    exclude: ['node_modules/**'],
    globalSetup: ['test/build-package.ts', 'test/export/python-environment.ts'],
    maxWorkers: 1,
    // Training, exporting and running a model, on a machine that is busy with something else.
    hookTimeout: 240_000,
  },
});
