import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Tests start hundreds of processes and threads that import the sources: compiled once, they take half the time.
process.env['NODE_COMPILE_CACHE'] ??= ownFile('node_modules/.cache/compile');
// Tests that run a model in their own process, beside one in a host, must not report it to the maker of onnxruntime.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need Python: vitest.{aws,export,mlserver}.config.ts run them.
    exclude: ['node_modules/**', 'test/aws/**', 'test/export/**', 'test/mlserver/**'],
    globalSetup: ['test/build-package.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Of a test that hangs; one that runs on a machine with too much to do may take long.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
  resolve: {
    // Tests run the sources in their own process; processes and threads that they start run from dist/, as a user's do.
    alias: [
      { find: /^inference-fabric$/, replacement: ownFile('lib/index.ts') },
      { find: /^inference-fabric\/cdk$/, replacement: ownFile('cdk/index.ts') },
      { find: /^.*\/program-url\.ts$/, replacement: ownFile('dist/lib/program-url.js') },
    ],
  },
});

function ownFile(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
