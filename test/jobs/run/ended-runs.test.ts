import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow, inputRunner, manifestIn, numbers } from './run-inputs.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

const run = inputRunner();

describe('runJobs, where it does not come to its end', () => {
  test('throws what is not an element’s, and leaves committed parts for another run', async () => {
    const root = await temporaryFolder();
    const inputs = [
      await writeIn(root, 'a.jsonl', numbers(20)),
      await writeIn(root, 'damaged.jsonl.gz', 'this is not gzip'),
    ];
    const output = join(root, 'out');
    await expect(run('double', inputs, { output })).rejects.toMatchObject({ code: 'CORRUPT_COMPRESSION' });
    await run('double', inputs.slice(0, 1), { output, existing: 'resume' });
    expect((await manifestIn(join(output, 'double/a.jsonl'))).counts).toEqual({ total: 20, succeeded: 20, failed: 0 });
    expect(await filesBelow(join(output, 'double'))).not.toContain('damaged.jsonl.gz/_SUCCESS');
  });

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
