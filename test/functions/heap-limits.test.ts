import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const script = fileURLToPath(new URL('./fixtures/heap-script.ts', import.meta.url));

/** The heap limit of a worker thread, in MB, in a process that is started as Lambda starts a function of 2,048 MB. */
function workerLimit(...args: string[]): number {
  const flags = ['--max-old-space-size=1843', '--max-semi-space-size=102'];
  return Number(execFileSync(process.execPath, [...flags, script, ...args], { encoding: 'utf8' }));
}

describe('resetHeapLimits', () => {
  test("gives worker threads their own limit, which Lambda's flags override", () => {
    expect(workerLimit()).toBeGreaterThan(1800);
    expect(workerLimit('reset')).toBeLessThan(700);
  });
});
