import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../temporary-folder.ts';
import { writeBundle } from './run-bundle.ts';

// onnxruntime is silent where CI is set, and keeps what it wants to send in files first.
test('a model that runs here reports nothing to the maker of its runtime', async () => {
  const home = await temporaryFolder();
  const { bundle } = await writeBundle([[1, 2]]);
  const config = new URL('./fixtures/models.config.ts', import.meta.url);
  const script = fileURLToPath(new URL('./fixtures/engine-script.ts', import.meta.url));
  const { CI: _, ORT_DISABLE_TELEMETRY: __, ...env } = process.env;
  const args = [...process.execArgv, script, config.href, 'double', JSON.stringify(bundle)];
  await promisify(execFile)(process.execPath, args, { env: { ...env, HOME: home, TMPDIR: home } });
  const left = await readdir(home, { recursive: true });
  expect(left.filter((path) => /Microsoft|mat-debug/.test(path))).toEqual([]);
});
