import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlBundling } from '../../../cdk/bundling/control-bundling.ts';
import { ProcessorBundling } from '../../../cdk/bundling/processor-bundling.ts';
import { describeFabric } from '../../../cdk/fabric-description.ts';
import type { Architecture } from '../../../lib/config/compute.ts';
import { modelFile } from '../../models/model-files.ts';
import { CONFIG } from '../synthesize.ts';

const MB = 1000 * 1000;
const HOST: Architecture = process.arch === 'arm64' ? 'arm64' : 'x86_64';
const IMAGES = fileURLToPath(new URL('../fixtures/images.config.ts', import.meta.url));
const QUEUE = 'https://sqs.eu-west-1.amazonaws.com/123456789012/queue';
const FILES = [modelFile('double.onnx')];

const root = await mkdtemp(join(tmpdir(), 'fabric-bundles-'));
afterAll(() => rm(root, { recursive: true, force: true }));

async function bundle(configPath: string, architecture: Architecture): Promise<string> {
  const folder = await mkdtemp(join(root, 'processor-'));
  new ProcessorBundling({ configPath, architecture, files: FILES }).tryBundle(folder);
  return folder;
}

const bundles = new Map<string, Promise<string>>();

/** One that several tests look at. */
function sharedBundle(configPath: string, architecture: Architecture): Promise<string> {
  const name = `${architecture} ${configPath}`;
  const made = bundles.get(name) ?? bundle(configPath, architecture);
  bundles.set(name, made);
  return made;
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const paths = await readdir(folder, { recursive: true });
  const stats = await Promise.all(paths.map((path) => stat(join(folder, path))));
  return paths.filter((_, index) => stats[index]?.isFile()).toSorted();
}

/** Of the folder's files, deflated a little; more than a zip of them. */
async function deflatedBytes(folder: string): Promise<number> {
  const files = await Promise.all((await filesOf(folder)).map((path) => readFile(join(folder, path))));
  return files.reduce((sum, content) => sum + deflateRawSync(content, { level: 1 }).byteLength, 0);
}

/** A module with all that it imports before it runs. */
async function startOf(folder: string, name: string, found = new Map<string, string>()): Promise<string> {
  const code = await readFile(join(folder, name), 'utf8');
  found.set(name, code);
  for (const [, next = ''] of code.matchAll(/(?:from|import)\s*"\.\/([^"]+\.mjs)"/g)) {
    if (!found.has(next)) await startOf(folder, next, found);
  }
  return [...found.values()].join('\n');
}

/** Runs a script beside a function's modules, as Lambda does: with nothing but its environment. */
async function runIn(folder: string, script: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    env: {
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'none',
      AWS_SECRET_ACCESS_KEY: 'none',
      AWS_LAMBDA_FUNCTION_NAME: 'test',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '2048',
      POWERTOOLS_TRACE_ENABLED: 'false',
      FABRIC_OUTPUT_BUCKET: 'output',
      FABRIC_INPUT_BUCKETS: '["input"]',
      ...env,
    },
  });
  return stdout;
}

/** Calls a function with a batch of no messages. */
function callOf(module: string): string {
  const context = "{ functionName: 'test', awsRequestId: '1', getRemainingTimeInMillis: () => 60_000 }";
  return `const { handler } = await import('./${module}.mjs');
    console.log(JSON.stringify(await handler({ Records: [] }, ${context})));
    process.exit();`;
}

describe.each<Architecture>(['arm64', 'x86_64'])('the code of a processor for %s', (architecture) => {
  let folder = '';
  let files: readonly string[] = [];
  beforeAll(async () => {
    folder = await sharedBundle(CONFIG, architecture);
    files = await filesOf(folder);
  });

  test('is under 30 MB when zipped', async () => {
    expect(await deflatedBytes(folder)).toBeLessThan(30 * MB);
  });

  test('has its handler, the programs that an engine starts, and the config with its model where they are looked for', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'config/cdk/fixtures/fabric.config.mjs',
        'config/models/double.onnx',
        'hosts/host-process.mjs',
        'hosts/parent-watch.mjs',
        'processor.mjs',
        'inference/worker/worker-process.mjs',
        'inference/worker/worker-thread.mjs',
      ]),
    );
  });

  test('has the clients that handlers of remote models need, and loads none of them before it is used', async () => {
    const all = await Promise.all(
      files.filter((path) => path.endsWith('.mjs')).map((path) => readFile(join(folder, path), 'utf8')),
    );
    const start = await startOf(folder, 'processor.mjs');
    expect(start).toContain('"S3Client"');
    for (const client of ['SSMClient', 'SecretsManagerClient', 'SageMakerRuntimeClient', 'BedrockRuntimeClient']) {
      expect(all.join('\n')).toContain(`"${client}"`);
      expect(start).not.toContain(`"${client}"`);
    }
  });

  test('has onnxruntime of its platform alone, and no sharp', () => {
    const cpu = architecture === 'arm64' ? 'arm64' : 'x64';
    const binaries = files.filter((path) => /\.(node|so|dll|dylib)(\.\d+)*$/.test(path));
    expect(binaries).toEqual(
      ['libonnxruntime.so.1', 'onnxruntime_binding.node'].map(
        (name) => `node_modules/onnxruntime-node/bin/napi-v6/linux/${cpu}/${name}`,
      ),
    );
    const packages = files.flatMap((path) => /^node_modules\/([^/]+)/.exec(path)?.[1] ?? []);
    expect([...new Set(packages)]).toEqual(['onnxruntime-common', 'onnxruntime-node']);
  });
});

describe.runIf(process.platform === 'linux')('the code of a processor', () => {
  test('has sharp where its config decodes images', async () => {
    const folder = await bundle(IMAGES, HOST);
    const script = `const { default: sharp } = await import('sharp');
      const create = { width: 1, height: 1, channels: 3, background: 'red' };
      console.log((await sharp({ create }).png().toBuffer()).length);`;
    expect(Number(await runIn(folder, script, {}))).toBeGreaterThan(50);
    expect((await filesOf(folder)).filter((path) => path.includes('libvips-cpp.so'))).toHaveLength(1);
  });

  test('is the same however often it is made', async () => {
    const [first, second] = await Promise.all([sharedBundle(CONFIG, HOST), bundle(CONFIG, HOST)]);
    const files = await filesOf(first);
    expect(await filesOf(second)).toEqual(files);
    for (const path of files.filter((path) => path.endsWith('.mjs')))
      expect(await readFile(join(second, path), 'utf8')).toBe(await readFile(join(first, path), 'utf8'));
  });

  test('runs: the handler starts its engine, which loads its model', async () => {
    const folder = await sharedBundle(CONFIG, HOST);
    const output = await runIn(folder, callOf('processor'), {
      FABRIC_PIPELINE: 'plain',
      FABRIC_CONFIG: 'config/cdk/fixtures/fabric.config.mjs',
      FABRIC_MAX_RECEIVES: '5',
      FABRIC_QUEUES: JSON.stringify({ bundles: QUEUE, deadLetters: QUEUE }),
    });
    expect(output).toContain('{"batchItemFailures":[]}');
    expect(output).not.toContain('could not be started');
  });
});

describe('the code of intake and finalizer', () => {
  const { facts } = describeFabric(CONFIG);
  const QUEUES = Object.fromEntries(Object.keys(facts).map((name) => [name, QUEUE]));
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(root, 'control-'));
    new ControlBundling(facts, true).tryBundle(folder);
  });

  test('has what they know of the pipelines, and no packages', async () => {
    const files = await filesOf(folder);
    expect(JSON.parse(await readFile(join(folder, 'pipelines.json'), 'utf8'))).toEqual(facts);
    expect(files.filter((path) => path.includes('node_modules'))).toEqual([]);
  });

  test('has the governor only where one is deployed', async () => {
    const ungoverned = await mkdtemp(join(root, 'control-'));
    new ControlBundling(facts, false).tryBundle(ungoverned);
    expect(await filesOf(folder)).toContain('governor.mjs');
    expect(await filesOf(ungoverned)).toContain('intake.mjs');
    expect(await filesOf(ungoverned)).not.toContain('governor.mjs');
  });

  test('runs: the governor, of no pipelines', async () => {
    const environment = { FABRIC_PARAMETERS: '/inference-fabric/test', FABRIC_GOVERNED: '{}' };
    expect(await runIn(folder, callOf('governor'), environment)).toContain('undefined');
  });

  test.each([
    ['intake', { intake: QUEUE, finalizer: QUEUE, bundles: QUEUES }],
    ['finalizer', { finalizer: QUEUE, deadLetters: QUEUES }],
  ])('runs: %s', async (module, queues) => {
    const output = await runIn(folder, callOf(module), {
      FABRIC_QUEUES: JSON.stringify(queues),
      FABRIC_MAX_RECEIVES: '5',
      FABRIC_EVENT_BUS: 'default',
    });
    expect(output).toContain('{"batchItemFailures":[]}');
  });
});
