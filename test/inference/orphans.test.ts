import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { descendantsOf, isAlive } from '../processes.ts';
import { writeBundle } from './run-bundle.ts';
import { temporaryFolder } from '../temporary-folder.ts';

test.each([
  ['a host hangs in a synchronous call', 'trouble', 'patient', { n: 1, trouble: 'say-and-spin' }, 1],
  ['a worker process hangs in a function', 'functions', 'patient', { n: 1, before: 'say-and-spin' }, 2],
])('nothing is left of an engine that is killed while %s', async (_, fixture, pipeline, element, receives) => {
  const folder = await temporaryFolder();
  const { bundle } = await writeBundle([element], { receives });
  const config = new URL(`./fixtures/${fixture}.config.ts`, import.meta.url);
  const script = fileURLToPath(new URL('./fixtures/engine-script.ts', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, script, config.href, pipeline, JSON.stringify(bundle)], {
    env: { ...process.env, FABRIC_TEST_FOLDER: folder },
    stdio: 'inherit',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await vi.waitFor(() => expect(existsSync(join(folder, 'spinning'))).toBe(true), { timeout: 15_000, interval: 50 });
  const pids = descendantsOf(child.pid ?? 0);
  expect(pids.length).toBeGreaterThanOrEqual(receives);
  expect(pids.every(isAlive)).toBe(true);

  child.kill('SIGKILL');
  await exited;
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 5000, interval: 50 });
});
