import { afterAll, vi } from 'vitest';

/** Test files share a process: each leaves the environment as it was before. */
const environment = { ...process.env };

afterAll(() => {
  vi.unstubAllEnvs();
  for (const name of Object.keys(process.env)) if (environment[name] === undefined) delete process.env[name];
  Object.assign(process.env, environment);
});
