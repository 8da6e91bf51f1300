import { defineConfig } from 'vitest/config';
import { resolve, shared } from './vitest.config.ts';

/** The fabric on emulators of AWS, which `npm run test:aws` installs and starts. */
export default defineConfig({
  test: {
    ...shared,
    include: ['test/aws/**/*.test.ts'],
    globalSetup: ['test/build-package.ts', 'test/aws/python-environment.ts'],
    // One emulator at a time: a start, a deployment and what they run take both cores.
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
  resolve,
});
