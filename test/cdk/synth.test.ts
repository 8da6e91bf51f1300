import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = fileURLToPath(import.meta.resolve('aws-cdk/bin/cdk'));

/** What the CLI's process knows: no account, no region, no credentials, and no program but those of the packages. */
const env = {
  PATH: join(root, 'node_modules/.bin'),
  AWS_EC2_METADATA_DISABLED: 'true',
  CDK_DISABLE_CLI_TELEMETRY: 'true',
  // CloudFormation's own rules take seconds to be checked: nag.test.ts does it for each kind of fabric.
  CDK_VALIDATION: 'false',
};

interface Assets {
  readonly files: Readonly<Record<string, { readonly source: { readonly path: string; readonly packaging: string } }>>;
  readonly dockerImages: Readonly<Record<string, { readonly source: ImageSource }>>;
}

interface ImageSource {
  readonly directory: string;
  readonly dockerBuildArgs: Readonly<Record<string, string>>;
  readonly platform: string;
}

interface Synthesis {
  readonly output: string;
  readonly template: string;
  readonly assets: Assets;
}

/** Runs `cdk synth` in the repository, with its own config or another. */
async function synth(config?: string): Promise<Synthesis> {
  const output = await mkdtemp(join(tmpdir(), 'fabric-synth-'));
  onTestFinished(() => rm(output, { recursive: true, force: true }));
  // The platform here: sharp need not be fetched for it.
  const architecture = `architecture=${process.arch === 'arm64' ? 'arm64' : 'x86_64'}`;
  const args = ['synth', '--quiet', '--no-lookups', '--no-notices', '--output', output, '--context', architecture];
  const other = config === undefined ? [] : ['--context', `config=${config}`];
  await promisify(execFile)(process.execPath, [cli, ...args, ...other], {
    cwd: root,
    env: { ...env, HOME: output },
  });
  const [template, assets] = await Promise.all([
    readFile(join(output, 'InferenceFabric.template.json'), 'utf8'),
    readFile(join(output, 'InferenceFabric.assets.json'), 'utf8'),
  ]);
  return { output, template, assets: JSON.parse(assets) as Assets };
}

function zipsOf({ files }: Assets): number {
  return Object.values(files).filter(({ source }) => source.packaging === 'zip').length;
}

describe.runIf(process.platform === 'linux')('cdk synth', { timeout: 120_000 }, () => {
  test('makes the stack of fabric.config.ts with no AWS account and no look-ups', async () => {
    const { template, assets } = await synth();
    for (const pipeline of ['breast-cancer', 'digits', 'wine'])
      expect(template).toContain(`"FABRIC_PIPELINE": "${pipeline}"`);
    // One of the functions that all pipelines share, one of the processors.
    expect(zipsOf(assets)).toBe(2);
    expect(assets.dockerImages).toEqual({});
    expect(template).not.toContain('AWS::CloudFormation::Stack');
  });

  test('makes both stacks of a config with containers, and lays out what their image is built of, without Docker', async () => {
    const { output, template, assets } = await synth('examples/containers/fabric.config.ts');
    expect(template).toContain('"Type": "AWS::CloudFormation::Stack"');
    // Of the functions that all pipelines share: there is no processor.
    expect(zipsOf(assets)).toBe(1);
    const nested = Object.values(assets.files).find(({ source }) => source.path.endsWith('.nested.template.json'));
    const containers = await readFile(join(output, nested?.source.path ?? ''), 'utf8');
    for (const type of ['Cluster', 'TaskDefinition', 'Service'])
      expect(containers).toContain(`"Type": "AWS::ECS::${type}"`);
    expect(containers).toContain('"config/containers/fabric.config.mjs"');

    const [image, ...others] = Object.values(assets.dockerImages);
    expect(others).toEqual([]);
    expect(image?.source).toMatchObject({ dockerBuildArgs: { DEVICE: 'gpu' }, platform: 'linux/amd64' });
    const folder = join(output, image?.source.directory ?? '');
    const names = await readdir(folder);
    expect(names.filter((name) => !name.endsWith('.mjs')).toSorted()).toEqual([
      '.dockerignore',
      'Dockerfile',
      'config',
      'hosts',
      'inference',
      'package.json',
    ]);
    expect(names).toEqual(expect.arrayContaining(['worker.mjs', 'health-check.mjs']));
    const config = await readdir(join(folder, 'config'), { recursive: true });
    expect(config.toSorted()).toEqual(['containers', 'containers/fabric.config.mjs', 'models', 'models/wine.onnx']);
  });
});
