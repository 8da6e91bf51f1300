import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, realpath, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { buildModules, type EntryPoint } from '../../cdk/bundling/build-modules.ts';
import { ownModule } from '../../cdk/own-modules.ts';
import type { Bundle } from '../../lib/inference/bundle.ts';
import { PROGRAMS } from '../../lib/program-url.ts';
import { modelFile } from '../models/model-files.ts';
import { writeBundle } from './run-bundle.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const configPath = fileURLToPath(new URL('fixtures/bundled.config.ts', import.meta.url));
const scriptPath = fileURLToPath(new URL('fixtures/lines-script.ts', import.meta.url));
type Work = readonly (readonly [pipeline: string, bundle: Bundle])[];

/** Runs the script, from source or as it was bundled. */
async function linesOf(script: string, config: string, work: Work): Promise<readonly string[]> {
  const condition = script.endsWith('.ts') ? ['-C', '@inference-fabric/source'] : [];
  const args = [...condition, script, pathToFileURL(config).href, JSON.stringify(work)];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: dirname(script) });
  return `${stdout}${stderr}`.trim().split('\n');
}

async function bundleInto(outdir: string): Promise<void> {
  const programs = PROGRAMS.map((name): EntryPoint => ({ path: ownModule(`lib/${name}`), name }));
  const config = { path: configPath, name: 'config/test/inference/fixtures/bundled.config' };
  const natives = buildModules([{ path: scriptPath, name: 'lines-script' }, ...programs, config], outdir, root);
  expect([...natives].sort()).toEqual(['onnxruntime-node', 'sharp']);
  await mkdir(join(outdir, 'config/test/models'), { recursive: true });
  await copyFile(modelFile('double.onnx'), join(outdir, 'config/test/models/double.onnx'));
  await symlink(join(root, 'node_modules'), join(outdir, 'node_modules'));
}

async function work(): Promise<Work> {
  const rows = await writeBundle([{ x: [1, 2, 3] }, { x: 'text' }, { x: [4, 5, 6] }]);
  const words = await writeBundle(['a', 'quiet', 'b']);
  const folder = join(root, 'examples/data/digits');
  const uris = (await readdir(folder)).slice(0, 2).map((name) => ({ uri: join(folder, name) }));
  const images: Bundle = { name: 'i', source: { kind: 'objects', objects: uris, firstIndex: 0 }, address: {} };
  return [
    ['double', rows.bundle],
    ['double', { ...rows.bundle, receives: 2 }],
    ['shout', words.bundle],
    ['images', images],
  ];
}

describe('an engine that was bundled by esbuild', () => {
  test('gives the same lines as one that runs from source', async () => {
    const asset = await realpath(await temporaryFolder());
    await bundleInto(asset);
    const bundles = await work();
    const config = join(asset, relative(root, configPath).replace(/^/, 'config/').replace(/ts$/, 'mjs'));
    const [bundled, fromSource] = await Promise.all([
      linesOf(join(asset, 'lines-script.mjs'), config, bundles),
      linesOf(scriptPath, configPath, bundles),
    ]);
    expect(bundled).toHaveLength(3 + 3 + 3 + 2);
    // A place in a bundle would be none in the user's files.
    const place = /,"at":"bundled\.config\.ts:14:\d+"/;
    expect(fromSource.filter((line) => place.test(line))).toHaveLength(1);
    expect(bundled).toEqual(fromSource.map((line) => line.replace(place, '')));
    // Of the class, whatever it is called in the bundle.
    expect(bundled.filter((line) => line.includes('"model":"Shouter"'))).toHaveLength(2);
  });
});
