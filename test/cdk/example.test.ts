import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('examples/cdk/app.ts', () => {
  test('is an app with a fabric of its own', async () => {
    const output = await mkdtemp(join(tmpdir(), 'fabric-example-'));
    onTestFinished(() => rm(output, { recursive: true, force: true }));
    // As the CLI calls an app.
    const env = {
      ...process.env,
      CDK_VALIDATION: 'false',
      CDK_OUTDIR: output,
      CDK_CONTEXT_JSON: JSON.stringify({ 'aws:cdk:bundling-stacks': [] }),
    };
    const args = ['--conditions=@inference-fabric/source', 'examples/cdk/app.ts'];
    await promisify(execFile)(process.execPath, args, { cwd: root, env });
    const template = await readFile(join(output, 'Claims.template.json'), 'utf8');
    expect(template).toContain('"FABRIC_PIPELINE": "wine"');
    expect(template).toContain('"Type": "AWS::SNS::Topic"');
    expect(template).toContain('"Threshold": 7200');
  });
});
