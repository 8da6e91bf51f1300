import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { privateBytes } from '../../lib/hosts/private-bytes.ts';

const MIB = 2 ** 20;
const FILLED_BYTES = 96 * MIB;
/** Besides what it is told to fill, a process takes a little for itself. */
const SLACK_BYTES = 16 * MIB;
/** Fills as many bytes as each message says, keeps them, and says when it has. */
const FILLER = `
  const kept = [];
  process.on('message', (bytes) => { kept.push(Buffer.alloc(bytes, 1)); process.send('filled'); });
  process.send('started');
`;

async function startFiller(): Promise<ChildProcess & { readonly pid: number }> {
  const filler = spawn(process.execPath, ['--eval', FILLER], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  onTestFinished(() => void filler.kill('SIGKILL'));
  await once(filler, 'message');
  const { pid } = filler;
  if (pid === undefined) throw new Error('the process did not start');
  return Object.assign(filler, { pid });
}

test('privateBytes grows by what a process fills, and is undefined when the process is gone', async () => {
  const filler = await startFiller();
  const before = await privateBytes(filler.pid);
  filler.send(FILLED_BYTES);
  await once(filler, 'message');
  const after = await privateBytes(filler.pid);
  filler.kill('SIGKILL');
  await once(filler, 'exit');
  expect(await privateBytes(filler.pid)).toBeUndefined();
  if (process.platform !== 'linux') {
    expect([before, after]).toEqual([undefined, undefined]);
    return;
  }
  const grown = (after ?? 0) - (before ?? Infinity);
  expect(before).toBeGreaterThan(MIB);
  expect(grown).toBeGreaterThan(FILLED_BYTES - MIB);
  expect(grown).toBeLessThan(FILLED_BYTES + SLACK_BYTES);
});
