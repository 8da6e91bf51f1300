import { execFile } from 'node:child_process';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

const script = fileURLToPath(new URL('./fixtures/hungry-script.ts', import.meta.url));
const LIMIT_BYTES = 850 * 1024 * 1024;
/** As Lambda starts Node in a function of 1,024 MB. */
const LAMBDA_FLAGS = ['--max-old-space-size=922', '--max-semi-space-size=51'];

/** Makes a control group whose processes have this much memory together; undefined where this user cannot. */
async function memoryGroup(bytes: number): Promise<string | undefined> {
  const group = `fabric-test-${process.pid}`;
  for (const [root, limit] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const folder = join(root, group);
    try {
      await mkdir(folder);
      onTestFinished(() => rmdir(folder).catch(() => {}));
      await writeFile(join(folder, limit), String(bytes));
      return folder;
    } catch {
      // Another version of control groups, or not permitted.
    }
  }
  return undefined;
}

describe('a function on Lambda of which one element fills the heap', () => {
  test('fails that element alone, within its memory', async () => {
    const input = Array.from({ length: 20 }, (_, n) => `{"n":${n}}\n`).join('');
    const path = await writeIn(await temporaryFolder(), 'elements.jsonl', input);
    const group = await memoryGroup(LIMIT_BYTES);
    const enter = group === undefined ? '' : `echo $$ > ${join(group, 'cgroup.procs')}; `;
    const args = [...LAMBDA_FLAGS, '-C', '@inference-fabric/source', script, path];
    const { stdout } = await promisify(execFile)('sh', ['-c', `${enter}exec "$@"`, 'sh', process.execPath, ...args]);
    const outcomes = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly prediction?: number; readonly error?: { readonly name: string } });
    expect(outcomes.flatMap(({ prediction }) => prediction ?? [])).toEqual(
      Array.from({ length: 20 }, (_, n) => n * 2).filter((doubled) => doubled !== 14),
    );
    expect(outcomes.flatMap(({ error }) => error?.name ?? [])).toEqual(['WorkerCrashedError']);
  });
});
