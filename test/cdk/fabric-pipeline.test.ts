import { Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { describe, expect, test } from 'vitest';
import type { FabricPipeline } from '../../cdk/fabric-pipeline.ts';
import { resourcesOf, synthesize } from './synthesize.ts';

const { app, stack } = synthesize();

function plain(): FabricPipeline {
  const pipeline = stack.fabric.pipelines.get('plain');
  if (pipeline === undefined) throw new Error("the fixture has no pipeline 'plain'");
  return pipeline;
}

describe('a FabricPipeline', () => {
  test('has the metrics that its functions publish, with the pipeline as their dimension', () => {
    expect(plain().metricElementsFailed()).toMatchObject({
      namespace: 'InferenceFabric',
      metricName: 'elements_failed',
      dimensions: { pipeline: 'plain' },
      statistic: 'Sum',
    });
    expect(plain().metricElementsSucceeded()).toMatchObject({ metricName: 'elements_succeeded' });
    const options = { period: Duration.hours(1), label: 'Jobs' };
    expect(plain().metric('jobs_complete', options)).toMatchObject({ metricName: 'jobs_complete', ...options });
  });

  test('grants reading its own results, and not those of other pipelines', () => {
    const readers = new Stack(app, 'Readers');
    plain().grantReadResults(new iam.User(readers, 'User'));
    const [policy] = resourcesOf(Template.fromStack(readers), 'AWS::IAM::Policy');
    const text = JSON.stringify(policy);
    expect(text).toContain('s3:GetObject*');
    expect(text).toContain('/plain/*');
    expect(text).not.toContain('s3:Put');
  });
});
