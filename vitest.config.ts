import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { ISOLATED_FILES } from './test/isolated-files.ts';

// Tests start hundreds of processes and threads that import the sources: compiled once, they take half the time.
process.env['NODE_COMPILE_CACHE'] ??= ownFile('node_modules/.cache/compile');
// Tests that run a model in their own process, beside one in a host, must not report it to the maker of onnxruntime.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
// CDK checks templates by CloudFormation's own rules. It takes seconds, so test/cdk/nag.test.ts has it done for all.
process.env['CDK_VALIDATION'] ??= 'false';

/** Options of all test files, which vitest.{aws,export,mlserver}.config.ts share. */
export const shared: NonNullable<ViteUserConfig['test']> = {
  globalSetup: ['test/build-package.ts'],
  setupFiles: ['test/own-environment.ts'],
  pool: 'forks',
  // On two cores: tests also wait for processes and timers.
  maxWorkers: 3,
  // They end tests that hang. On a busy machine a test may take long.
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

export const resolve = {
  // Tests run the sources in their own process; processes and threads that they start run from dist/, as a user's do.
  alias: [
    { find: /^inference-fabric$/, replacement: ownFile('lib/index.ts') },
    { find: /^inference-fabric\/cdk$/, replacement: ownFile('cdk/index.ts') },
    { find: /^.*\/program-url\.ts$/, replacement: ownFile('dist/lib/program-url.js') },
  ],
};

// They need Python: vitest.{aws,export,mlserver}.config.ts run them.
const exclude = ['node_modules/**', 'test/aws/**', 'test/export/**', 'test/mlserver/**'];

export default defineConfig({
  test: {
    ...shared,
    projects: [
      { extends: true, test: { name: 'isolated', include: ISOLATED_FILES, isolate: true } },
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: [...exclude, ...ISOLATED_FILES],
          isolate: false,
        },
      },
    ],
  },
  resolve,
});

function ownFile(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
