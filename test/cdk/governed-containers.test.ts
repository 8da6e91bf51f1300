import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { permissionsOf } from './permissions-of.ts';
import { resourcesOf } from './synthesize.ts';
import { main, nested, governing, isolated, workerOf, environmentOf } from './container-templates.ts';

/** The fewest and the most tasks of services. */
function capacitiesOf(template: Template): unknown[] {
  return resourcesOf(template, 'AWS::ApplicationAutoScaling::ScalableTarget', /remote|local|group/).map(
    ({ Properties }) => [Properties['MinCapacity'], Properties['MaxCapacity']],
  );
}

describe('a governor of tasks', () => {
  const [governor] = resourcesOf(governing, 'AWS::Lambda::Function', /Governor/);
  const environment = governor?.Properties['Environment'];
  const { Variables } = environment as { readonly Variables: Readonly<Record<string, object>> };

  test('knows the service of a pipeline with remote models, which is in the nested stack, and its most tasks', () => {
    expect(resourcesOf(main, 'AWS::Lambda::Function', /Governor/)).toEqual([]);
    expect(JSON.stringify(Variables['FABRIC_GOVERNED'])).toMatch(
      /\{\\"remote\\":\{\\"service\\":\\"".*Outputs\.\w+remoteCluster\w+Ref.*"\/".*Outputs\.\w+remoteService\w+Name.*\\"queue\\":.*\\"ceiling\\":4\}\}/,
    );
  });

  test('may change how its services are scaled, and no poller', () => {
    const permissions = permissionsOf(governing, /GovernorRole/);
    const ofService = permissions.filter((permission) => permission.startsWith('ecs:'));
    expect(
      ofService.map((permission) => permission.replaceAll(/TestFabric\w+?remote(\w+?)[0-9A-F]{8}/g, '<$1>')),
    ).toEqual(
      ['DescribeServices', 'UpdateService'].map(
        (action) =>
          expect.stringMatching(
            new RegExp(
              `^ecs:${action} arn:Partition:ecs:Region:AccountId:service/.*Outputs\\.<Cluster>.*/.*Outputs\\.<Service>`,
            ),
          ) as unknown,
      ),
    );
    expect(permissions).toContain('application-autoscaling:DescribeScalableTargets *');
    expect(permissions.join()).not.toContain('lambda:');
    governing.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Effect: 'Allow',
            Action: 'application-autoscaling:RegisterScalableTarget',
            Resource: '*',
            Condition: { StringEquals: { 'application-autoscaling:service-namespace': 'ecs' } },
          },
        ]),
      },
    });
  });

  test('tells them how many they are by a parameter of the fabric’s stack, which they may read', () => {
    const { Parameters } = resourcesOf(governing, 'AWS::CloudFormation::Stack')[0]?.Properties ?? {};
    const stackName = Object.entries(Parameters as Readonly<Record<string, unknown>>).find(([name]) =>
      name.endsWith('AWSStackName'),
    );
    expect(stackName?.[1]).toEqual({ Ref: 'AWS::StackName' });
    const parameter = workerOf(/remote/, isolated).Environment.find(
      ({ Name }) => Name === 'FABRIC_CONCURRENCY_PARAMETER',
    );
    const [name, prefix] = [JSON.stringify(parameter?.Value), JSON.stringify(Variables['FABRIC_PARAMETERS'])];
    expect(name).toContain('/remote"');
    expect(name.replace(String(stackName?.[0]), 'AWS::StackName').replace('/remote"', '"')).toBe(prefix);
    expect(environmentOf(/local/, isolated)).not.toHaveProperty('FABRIC_CONCURRENCY_PARAMETER');
    expect(permissionsOf(isolated, /remoteTaskRole/)).toContainEqual(
      expect.stringMatching(/^ssm:GetParameter .*:parameter\/inference-fabric\/.*\/remote$/),
    );
    expect(permissionsOf(isolated, /localTaskRole/).join()).not.toContain('ssm:');
  });

  test('finds the least that it can set, so that its tasks begin with few, and all are there when it goes away', () => {
    expect(capacitiesOf(isolated)).toEqual([
      [0, 4],
      [0, 1],
    ]);
    expect(capacitiesOf(nested)).toEqual([[1, 9]]);
  });
});
