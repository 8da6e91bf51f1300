import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow, inputRunner, manifestIn, numbers } from './run-inputs.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

const run = inputRunner();

describe('runJobs, where it does not come to its end', () => {
  test('stops when its signal says so, and goes on from there', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(100));
    const output = join(root, 'out');
    const stop = new AbortController();
    const reason = new Error('enough');
    const firstRun: string[] = [];
    const stopped = run('double', [input], {
      output,
      signal: stop.signal,
      onPart: ({ name }) => {
        firstRun.push(name);
        if (firstRun.length === 3) stop.abort(reason);
      },
    });
    await expect(stopped).rejects.toBe(reason);
    const folder = join(output, 'double/a.jsonl');
    expect(await filesBelow(folder)).not.toContain('_SUCCESS');
    const secondRun: string[] = [];
    await run('double', [input], {
      output,
      existing: 'resume',
      onPart: ({ name }, resumed) => void (resumed || secondRun.push(name)),
    });
    expect(secondRun.filter((name) => firstRun.includes(name))).toEqual([]);
    expect((await manifestIn(folder)).counts).toEqual({ total: 100, succeeded: 100, failed: 0 });
  });

  test('does not count a try that ended in order against its bundle', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(8));
    const output = join(root, 'out');
    const stop = new AbortController();
    const stopped = run('double', [input], { output, signal: stop.signal, onOutcomes: () => stop.abort() });
    await expect(stopped).rejects.toThrow();
    const left = await filesBelow(join(output, '.fabric'));
    expect(left.filter((path) => !path.endsWith('.note.json'))).toEqual([]);
  });
});
