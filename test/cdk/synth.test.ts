import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = fileURLToPath(import.meta.resolve('aws-cdk/bin/cdk'));

/** What the CLI's process knows: no account, no region, no credentials. */
const env = {
  PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
  AWS_EC2_METADATA_DISABLED: 'true',
  CDK_DISABLE_CLI_TELEMETRY: 'true',
};

describe.runIf(process.platform === 'linux')('cdk synth', () => {
  test('makes the stack of fabric.config.ts with no AWS account and no look-ups', { timeout: 120_000 }, async () => {
    const output = await mkdtemp(join(tmpdir(), 'fabric-synth-'));
    onTestFinished(() => rm(output, { recursive: true, force: true }));
    // The platform here: sharp need not be fetched for it.
    const architecture = `architecture=${process.arch === 'arm64' ? 'arm64' : 'x86_64'}`;
    const args = ['synth', '--quiet', '--no-lookups', '--no-notices', '--output', output, '--context', architecture];
    await promisify(execFile)(process.execPath, [cli, ...args], { cwd: root, env: { ...env, HOME: output } });
    const template = await readFile(join(output, 'InferenceFabric.template.json'), 'utf8');
    for (const pipeline of ['breast-cancer', 'digits', 'wine'])
      expect(template).toContain(`"FABRIC_PIPELINE": "${pipeline}"`);
    const assets = JSON.parse(await readFile(join(output, 'InferenceFabric.assets.json'), 'utf8')) as {
      readonly files: Readonly<Record<string, { readonly source: { readonly packaging: string } }>>;
    };
    // One of the functions that all pipelines share, one of the processors.
    expect(Object.values(assets.files).filter(({ source }) => source.packaging === 'zip')).toHaveLength(2);
  });
});
