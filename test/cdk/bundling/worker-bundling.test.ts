import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { layOutWorker } from '../../../cdk/bundling/worker-bundling.ts';
import manifest from '../../../package.json' with { type: 'json' };
import { layOutImage } from '../../functions/gpu-worker/image-layout.ts';
import { partsWritten, sendJob, workerBench } from '../../functions/gpu-worker/worker-bench.ts';
import { modelFile } from '../../models/model-files.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const CONFIG = fileURLToPath(new URL('../../functions/gpu-worker/fixtures/worker.config.ts', import.meta.url));
const IMAGES = fileURLToPath(new URL('../fixtures/images.config.ts', import.meta.url));
const FILES = [modelFile('double.onnx')];

async function laidOut(configPath: string) {
  const folder = await temporaryFolder();
  const { config } = layOutWorker({ configPath, files: FILES }, folder);
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return { config, dependencies, files: filesOf(folder).map(({ path }) => path) };
}

function filesOf(folder: string) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => ({ path, stats: statSync(join(folder, path)) }))
    .filter(({ stats }) => stats.isFile())
    .map(({ path, stats: { mtimeMs, size } }) => ({ path, mtimeMs, size }));
}

describe("the folder of a worker's image", () => {
  test('has the worker, what it starts, the config with its model, and how the image is made', async () => {
    const { config, files } = await laidOut(CONFIG);
    expect(config).toBe('config/functions/gpu-worker/fixtures/worker.config.mjs');
    expect(files).toEqual(
      expect.arrayContaining([
        '.dockerignore',
        'Dockerfile',
        config,
        'config/models/double.onnx',
        'health-check.mjs',
        'hosts/host-process.mjs',
        'package.json',
        'hosts/parent-watch.mjs',
        'inference/worker/worker-process.mjs',
        'inference/worker/worker-thread.mjs',
        'worker.mjs',
      ]),
    );
    expect(files.filter((path) => path.startsWith('node_modules'))).toEqual([]);
  });

  test('names the packages that the image installs, each with the version that is installed here', async () => {
    const { dependencies } = await laidOut(CONFIG);
    expect(dependencies).toMatchObject({
      'onnxruntime-node': manifest.dependencies['onnxruntime-node'],
      'onnxruntime-common': manifest.dependencies['onnxruntime-node'],
    });
    expect(Object.values(dependencies).filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    expect(dependencies).not.toHaveProperty('sharp');
    const images = await laidOut(IMAGES);
    expect(images.dependencies).toHaveProperty('sharp', manifest.dependencies.sharp);
  });
});

describe.runIf(process.platform === 'linux')('a worker as its image has it', () => {
  test('is healthy, answers a bundle, writes to no file of its own, and ends when told to', async () => {
    const { app, env, config, entryPoint, healthCheck } = await layOutImage({ configPath: CONFIG, files: FILES });
    const binaries = filesOf(join(app, 'node_modules')).filter(({ path }) => path.endsWith('.node'));
    const platform = `onnxruntime-node/bin/napi-v6/linux/${process.arch}`;
    expect(binaries.map(({ path }) => path)).toEqual([`${platform}/onnxruntime_binding.node`]);

    const bench = await workerBench();
    const files = filesOf(app);
    const worker = bench.start(
      'double',
      { ...env, FABRIC_CONFIG: config, FABRIC_HEALTH_PORT: '0' },
      { args: entryPoint, cwd: app },
    );
    const { port } = await worker.logged('the health endpoint is listening');
    const statusOfHealth = async (): Promise<unknown> => {
      const asking = execFile(process.execPath, healthCheck, { cwd: app, env: { FABRIC_HEALTH_PORT: String(port) } });
      const [status] = (await once(asking, 'close')) as unknown[];
      return status;
    };
    await worker.logged('the worker is warm and processes bundles');
    expect(await statusOfHealth()).toBe(0);

    const all = partsWritten(bench.aws, 1);
    const job = await sendJob(bench, 'double', { lines: ['{"id":"a","x":[1,2,3]}'], linesPerBundle: 1 });
    await all;
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toEqual({ status: 0, signal: null });
    expect(await job.part(0)).toMatchObject([{ id: 'a', prediction: { y: [2, 4, 6] } }]);
    expect(await bench.bundles.receive({ maxMessages: 1, waitSecs: 0 })).toEqual([]);
    expect(filesOf(app)).toEqual(files);
    expect(await statusOfHealth()).toBe(1);
  });
});
