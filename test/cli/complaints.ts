import { join } from 'node:path';
import { expect } from 'vitest';
import type { EndedHere } from '../fabric-here.ts';
import { filesBelow, run } from './run-fabric.ts';

/** Expects one clear line on stderr and nothing else; gives it without its `fabric: `. */
export function complaint({ status, stdout, stderr }: EndedHere, expected: number): string {
  expect(stderr).toMatch(/^fabric: [^\n]*\n$/);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stdout).toBe('');
  expect(status).toBe(expected);
  return stderr.slice('fabric: '.length, -1);
}

/** Runs with status 2 and one clear line, and nothing is written. */
export async function wrong(pipeline: string, inputs: readonly string[], folder: string): Promise<string> {
  const before = await filesBelow(folder);
  const message = complaint(await run(pipeline, inputs, join(folder, 'out')), 2);
  expect(await filesBelow(folder)).toEqual(before);
  return message;
}
