import { execFile } from 'node:child_process';
import { copyFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../temporary-folder.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

test('the package installs in an empty folder as docs/getting-started.md shows, and predicts at once', async () => {
  const folder = await temporaryFolder();
  const { stdout: packed } = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: ROOT,
  });
  // As npm documents its output: an array, or from npm 12 on an object of packages by name.
  const [tarball] = Object.values(JSON.parse(packed) as Readonly<Record<string, { readonly filename: string }>>);
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  const { stdout: registry } = await run('npm', ['config', 'get', 'registry']);
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, npm_config_registry: registry.trim(), ONNXRUNTIME_NODE_INSTALL: 'skip' };
  await run('npm', ['install', '--no-audit', '--no-fund', `./${tarball?.filename}`], { cwd: folder, env });
  const libraries = await readdir(join(folder, 'node_modules/onnxruntime-node/bin'), { recursive: true });
  expect(libraries.filter((path) => path.includes('cuda'))).toEqual([]);
  for (const name of ['iris.onnx', 'iris.csv'])
    await copyFile(join(ROOT, 'examples/getting-started', name), join(folder, name));
  const columns = 'sepal_length,sepal_width,petal_length,petal_width';
  const args = ['predict', 'iris.onnx', 'iris.csv', '--input-columns', columns];
  const { stdout } = await run(join(folder, 'node_modules/.bin/fabric'), args, { cwd: folder, env });
  expect(stdout.split('\n').filter(Boolean)).toHaveLength(10);
});
