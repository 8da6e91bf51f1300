import { defineConfig } from 'vitest/config';
import { resolve, shared } from './vitest.config.ts';

/** Models that MLServer serves, in a Python environment that `npm run test:mlserver` installs. */
export default defineConfig({
  test: {
    ...shared,
    include: ['test/mlserver/**/*.test.ts'],
    globalSetup: ['test/build-package.ts', 'test/mlserver/python-environment.ts'],
    maxWorkers: 1,
    // Training two models, and a server's start, on a machine that is busy with something else.
    hookTimeout: 240_000,
  },
  resolve,
});
