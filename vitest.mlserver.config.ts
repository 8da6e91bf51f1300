import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** Models that MLServer serves, in a Python environment that `npm run test:mlserver` installs. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/mlserver/**/*.test.ts'],
    exclude: ['node_modules/**'],
    globalSetup: ['test/build-package.ts', 'test/mlserver/python-environment.ts'],
    maxWorkers: 1,
    // Training two models, and a server's start, on a machine that is busy with something else.
    hookTimeout: 240_000,
  },
});
