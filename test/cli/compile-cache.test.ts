import { globSync, readFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../temporary-folder.ts';
import { fabric } from './run-fabric.ts';

describe('compiled code', () => {
  test("comes from the user's cache and never from the shared temporary folder, and from nowhere if it is turned off", async () => {
    const root = await temporaryFolder();
    for (const name of ['tmp', 'home']) await mkdir(join(root, name));
    const env = { TMPDIR: join(root, 'tmp'), HOME: join(root, 'home'), XDG_CACHE_HOME: '', NODE_COMPILE_CACHE: '' };
    expect(await fabric(['--help'], { env: { ...env, NODE_DISABLE_COMPILE_CACHE: '1' } })).toMatchObject({ status: 0 });
    expect(await readdir(root, { recursive: true })).toHaveLength(2);
    expect(await fabric(['--help'], { env })).toMatchObject({ status: 0, stderr: '' });
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
    const cached = await readdir(join(root, 'home'), { recursive: true });
    expect(cached.filter((path) => path.includes('inference-fabric/compile/')).length).toBeGreaterThan(2);
  });

  test('is cached by one function, which chooses the folder', () => {
    const callers = globSync('{lib,cli,functions,cdk}/**/*.ts').filter((file) =>
      /enableCompileCache\(/.test(readFileSync(file, 'utf8')),
    );
    expect(callers).toEqual([join('lib', 'stores', 'compile-cache.ts')]);
  });
});
