import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parsePs, treeCpuSecs, treeMemoryBytes } from '../../../cli/estimate/process-tree.ts';

const MEBIBYTE = 1024 ** 2;

/** A process, with one of its own below it, that says that it is there; it ends with the test. */
async function startChild(code: string): Promise<{ readonly end: () => Promise<void> }> {
  const inner = `${code}; process.stdout.write('there'); setInterval(() => {}, 1000);`;
  const outer = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: ['pipe', 'inherit', 'inherit'] }); process.stdin.on('end', () => process.exit()).resume();`;
  const child = spawn(process.execPath, ['-e', outer], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const closed = once(child, 'close');
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await closed;
  };
  onTestFinished(end);
  await once(child.stdout, 'data');
  return { end };
}

describe('a tree of processes', () => {
  test('has used the CPU time of those below it', async () => {
    const before = treeCpuSecs();
    await startChild('const until = process.cpuUsage().user + 200_000; while (process.cpuUsage().user < until);');
    expect(treeCpuSecs() - before).toBeGreaterThan(0.15);
  });

  test('holds the memory of those below it, until they end', async () => {
    const before = treeMemoryBytes();
    const { end } = await startChild(`globalThis.held = Buffer.alloc(${200 * MEBIBYTE}, 1)`);
    expect(treeMemoryBytes() - before).toBeGreaterThan(150 * MEBIBYTE);
    await end();
    expect(treeMemoryBytes() - before).toBeLessThan(150 * MEBIBYTE);
  });
});

describe('what ps prints', () => {
  test('is read as Linux and macOS print it', () => {
    const text = '    1     0 1-02:03:04  1024\n  317     1   00:00:07     0\n 4711   317   0:01.25 20480\n';
    expect(parsePs(text)).toEqual([
      { pid: 1, parent: 0, cpuSecs: 93_784, memoryBytes: MEBIBYTE },
      { pid: 317, parent: 1, cpuSecs: 7, memoryBytes: 0 },
      { pid: 4711, parent: 317, cpuSecs: 1.25, memoryBytes: 20 * MEBIBYTE },
    ]);
  });
});
