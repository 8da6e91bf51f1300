import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** The fabric on emulators of AWS, which `npm run test:aws` installs and starts. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/aws/**/*.test.ts'],
    exclude: ['node_modules/**'],
    globalSetup: ['test/build-package.ts', 'test/aws/python-environment.ts'],
    // One emulator at a time: a start, a deployment and what they run take both cores.
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
