import { spawnSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OutcomeSpool, removeLeftSpools } from '../../../lib/jobs/commit/outcome-spool.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

describe('removeLeftSpools', () => {
  test('removes what processes that are gone left, and nothing of those at work beside this one', async () => {
    const folder = await temporaryFolder();
    const { pid: gone } = spawnSync(process.execPath, ['--version']);
    await writeIn(folder, `fabric-outcomes-${gone}-x1/results`, 'x');
    await writeIn(folder, `fabric-outcomes-${process.pid}-x2/results`, 'of one that had the same number');
    await writeIn(folder, `fabric-outcomes-${process.ppid}-x3/results`, 'x');
    await mkdir(join(folder, 'models'));
    await removeLeftSpools(folder);
    expect((await readdir(folder)).toSorted()).toEqual([`fabric-outcomes-${process.ppid}-x3`, 'models']);
  });
});

function resultsLine(): Uint8Array {
  return new TextEncoder().encode('{}\n');
}

describe('OutcomeSpool', () => {
  test('drops the tokens of the outcomes that it drops', async () => {
    await using spool = await OutcomeSpool.open();
    const chunk = { errors: new Uint8Array(), elements: 1, succeeded: 1, failed: {}, models: {} };
    const usage = { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1, reasoningTokens: 0 };
    await spool.write({ ...chunk, results: resultsLine() });
    await spool.write({ ...chunk, results: resultsLine(), usage, isMidBatch: true });
    expect(spool.tally.usage).toEqual(usage);
    await spool.cutAtBatch(0);
    expect(spool.tally).toEqual({ total: 1, succeeded: 1, failed: 0, failedByStage: {}, models: {} });
  });
});
