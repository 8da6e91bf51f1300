import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Tests start hundreds of processes and threads that import the sources: compiled once, they take half the time.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url));
// Tests that run a model in their own process, beside one in a host, must not report it to the maker of onnxruntime.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need Python: vitest.{aws,export,mlserver}.config.ts run them.
    exclude: ['node_modules/**', 'test/aws/**', 'test/export/**', 'test/mlserver/**'],
    // Tests start model hosts and workers that import the library from source, by the condition.
    pool: 'forks',
    execArgv: ['--conditions=@inference-fabric/source'],
    maxWorkers: 2,
    // Of a test that hangs; one that runs on a machine with too much to do may take long.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
  resolve: { conditions: ['@inference-fabric/source'] },
  ssr: { resolve: { conditions: ['@inference-fabric/source', 'node', 'import', 'default'] } },
});
