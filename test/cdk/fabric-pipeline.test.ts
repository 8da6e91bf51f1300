import { Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { describe, expect, test } from 'vitest';
import type { FabricPipeline } from '../../cdk/fabric-pipeline.ts';
import { FabricStack } from '../../cdk/fabric-stack.ts';
import type { InferenceFabric } from '../../cdk/inference-fabric.ts';
import { CONFIG, resourcesOf, testApp } from './synthesize.ts';

function plainOf({ pipelines }: InferenceFabric): FabricPipeline {
  const pipeline = pipelines.get('plain');
  if (pipeline === undefined) throw new Error("the fixture has no pipeline 'plain'");
  return pipeline;
}

describe('a FabricPipeline', () => {
  test('has the metrics that its functions publish, with the pipeline as their dimension', () => {
    const { fabric } = new FabricStack(testApp(), 'Test', { fabric: { configPath: CONFIG } });
    const plain = plainOf(fabric);
    expect(plain.metricElementsFailed()).toMatchObject({
      namespace: 'InferenceFabric',
      metricName: 'elements_failed',
      dimensions: { pipeline: 'plain' },
      statistic: 'Sum',
    });
    expect(plain.metricElementsSucceeded()).toMatchObject({ metricName: 'elements_succeeded' });
    const options = { period: Duration.hours(1), label: 'Jobs' };
    expect(plain.metric('jobs_complete', options)).toMatchObject({ metricName: 'jobs_complete', ...options });
  });

  test('grants reading its own results, and not those of other pipelines', () => {
    const app = testApp();
    const { fabric } = new FabricStack(app, 'Test', { fabric: { configPath: CONFIG } });
    const readers = new Stack(app, 'Readers');
    plainOf(fabric).grantReadResults(new iam.User(readers, 'User'));
    const [policy] = resourcesOf(Template.fromStack(readers), 'AWS::IAM::Policy');
    const text = JSON.stringify(policy);
    expect(text).toContain('s3:GetObject*');
    expect(text).toContain('/plain/*');
    expect(text).not.toContain('s3:Put');
  });
});
