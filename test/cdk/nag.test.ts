import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type App, Stack, Validations } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test, vi } from 'vitest';
import { FabricStack } from '../../cdk/fabric-stack.ts';
import { CONFIG, CONTAINERS_CONFIG, type FabricOptions, PRIVATE_CONFIG, REMOTE_CONFIG, testApp } from './synthesize.ts';

interface Report {
  readonly pluginReports: readonly {
    readonly pluginName?: string;
    readonly violations: readonly { readonly ruleName: string }[];
    readonly suppressedViolations?: readonly { readonly acknowledgedId: string; readonly reason: string }[];
  }[];
}

/** What AwsSolutions and CloudFormation's own rules find in a fabric. */
function check(options: (app: App) => FabricOptions = () => ({})): {
  readonly violations: readonly string[];
  readonly acknowledged: ReadonlyMap<string, string>;
} {
  vi.stubEnv('CDK_VALIDATION', 'true');
  const app = testApp({ '@aws-cdk/core:validateAgainstDefaultRules': true });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  new FabricStack(app, 'Test', { fabric: { configPath: CONFIG, ...options(app) } });
  expect(() => app.synth()).not.toThrow();
  const report = JSON.parse(readFileSync(join(app.outdir, 'validation-report.json'), 'utf8')) as Report;
  return {
    violations: report.pluginReports.flatMap(({ violations }) => violations.map(({ ruleName }) => ruleName)),
    acknowledged: new Map(
      report.pluginReports.flatMap(({ suppressedViolations = [] }) =>
        suppressedViolations.map(({ acknowledgedId, reason }) => [acknowledgedId, reason] as const),
      ),
    ),
  };
}

describe("cdk-nag's AwsSolutions and CloudFormation's rules", () => {
  test('find nothing in a fabric but what is acknowledged, each with its reason', { timeout: 90_000 }, () => {
    const { violations, acknowledged } = check();
    expect(violations).toEqual([]);
    expect([...acknowledged.keys()].map((id) => id.replace(/[0-9A-F]{8}\.Arn/, 'Arn')).toSorted()).toEqual(
      [
        'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricInputArn>/plain/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricInputArn>/across-bundles/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricInputArn>/from-s3/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/plain/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/.fabric/plain/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/plain/*/_errors/errors-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/plain/*/errors/part-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/.fabric/plain/*/last/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/across-bundles/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/.fabric/across-bundles/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/across-bundles/*/_errors/errors-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/across-bundles/*/errors/part-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/.fabric/across-bundles/*/last/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/from-s3/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/.fabric/from-s3/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/from-s3/*/_errors/errors-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/from-s3/*/errors/part-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/.fabric/from-s3/*/last/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/.fabric/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/_rejected/*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/*/_job.json]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/*/job.json]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/*/_manifest.json]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/*/manifest.json]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/*/_SUCCESS]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/*/part-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/*/_errors/errors-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::<FabricOutputArn>/*/errors/part-*]',
        'AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::models/summary/*]',
        'AwsSolutions::AwsSolutions-S1',
        'AwsSolutions::AwsSolutions-SQS3',
      ].toSorted(),
    );
    for (const reason of acknowledged.values()) expect(reason).toMatch(/^[A-Z].{30,}\.$/);
  });

  test('find nothing in one with remote models and a governor', { timeout: 90_000 }, () => {
    const { violations, acknowledged } = check(() => ({ configPath: REMOTE_CONFIG }));
    expect(violations).toEqual([]);
    expect(acknowledged.keys()).toContain(
      'AwsSolutions::AwsSolutions-IAM5[Resource::arn:aws:sagemaker:*:*:endpoint/churn]',
    );
  });

  test.each([CONTAINERS_CONFIG, PRIVATE_CONFIG])(
    'find nothing in one with containers: %s',
    { timeout: 90_000 },
    (configPath) => {
      const { violations, acknowledged } = check(() => ({ configPath }));
      expect(violations).toEqual([]);
      for (const reason of acknowledged.values()) expect(reason).toMatch(/^[A-Z].{30,}\.$/);
    },
  );

  test('find nothing in one with a key of the user either', { timeout: 90_000 }, () => {
    const { violations } = check((app) => ({
      encryptionKey: new kms.Key(new Stack(app, 'Keys'), 'Key', { enableKeyRotation: true }),
    }));
    expect(violations).toEqual([]);
  });
});
