import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need Python: vitest.aws.config.ts runs them.
    exclude: ['node_modules/**', 'test/aws/**'],
    // Tests start model hosts and workers that import the library from source, by the condition.
    pool: 'forks',
    execArgv: ['--conditions=@inference-fabric/source'],
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
  resolve: { conditions: ['@inference-fabric/source'] },
  ssr: { resolve: { conditions: ['@inference-fabric/source', 'node', 'import', 'default'] } },
});
