import * as cdk from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { describe, expect, test } from 'vitest';
import type { FabricStack } from '../../cdk/fabric-stack.ts';
import { permissionsOf } from './permissions-of.ts';
import { CONTAINERS_CONFIG, REMOTE_CONFIG, resourcesOf, synthesize, TWENTY_CONFIG } from './synthesize.ts';

/** Actions that AWS has no resources for, and those on the role's own log group, tasks and so on. */
const WITHOUT_RESOURCES = /^(?:xray:Put\w+|ecr:GetAuthorizationToken|cloudwatch:GetMetricData) \*$/;
/** IAM's limits on the inline policies of a role, and on a policy beside it for what is more, white space left out. */
const MAX_CHARACTERS = { 'AWS::IAM::Policy': 10_240, 'AWS::IAM::ManagedPolicy': 6144 };
/** CloudFormation's limit. */
const MAX_RESOURCES = 500;
/** A name that CloudFormation makes has at most this many characters. */
const LONGEST_NAME = 'n'.repeat(63);

interface PipelineRole {
  readonly pipeline: string;
  readonly permissions: readonly string[];
}

/** Returns the permissions of the role of each pipeline's function or task. */
function pipelineRoles({ fabric }: FabricStack): readonly PipelineRole[] {
  return Array.from(fabric.pipelines, ([pipeline, { processor }]) => {
    const role = processor?.role ?? fabric.containers?.services.get(pipeline)?.taskDefinition.taskRole;
    if (!(role instanceof iam.Role)) throw new Error(`${pipeline} has no role`);
    const stack = cdk.Stack.of(role);
    const id = stack.getLogicalId(role.node.defaultChild as iam.CfnRole).slice(0, -8);
    const permissions = permissionsOf(Template.fromStack(stack), new RegExp(`^${id}DefaultPolicy`));
    if (permissions.length === 0) throw new Error(`the role of ${pipeline} has no policy`);
    return { pipeline, permissions };
  });
}

/** Permissions on keys of a fabric's bucket, or of another one of its buckets, outside of the pipeline's own. */
function foreignObjects({ pipeline, permissions }: PipelineRole, bucket: RegExp): readonly string[] {
  const own = [`${pipeline}/`, `.fabric/${pipeline}/`];
  return permissions.filter((permission) => {
    const [, action = '', name = '', keys = ''] = /^(\S+) ([^/]*)\/?(.*)$/.exec(permission) ?? [];
    if (!action.startsWith('s3:') || !bucket.test(name)) return false;
    const [literal = ''] = keys.split(/[*?$]/);
    return !own.some((prefix) => literal.startsWith(prefix));
  });
}

const fabrics = {
  functions: synthesize().stack,
  'remote models': synthesize(() => ({ configPath: REMOTE_CONFIG })).stack,
  containers: synthesize(() => ({ configPath: CONTAINERS_CONFIG })).stack,
  'twenty pipelines': synthesize(() => ({ configPath: TWENTY_CONFIG })).stack,
};

describe.each(Object.entries(fabrics))('the role of a pipeline, in a fabric of %s', (_, stack) => {
  const roles = pipelineRoles(stack);

  test('reaches no objects of another pipeline, in input, output or staging', () => {
    for (const role of roles) {
      expect(role.permissions.filter((permission) => /^s3:GetObject \S*Input/.test(permission))).toHaveLength(1);
      expect(role.permissions).toContainEqual(expect.stringMatching(/^s3:PutObject \S*Output\S*\/\.fabric\//));
      expect(foreignObjects(role, /Output/)).toEqual([]);
      if (role.pipeline !== 'any-manifest') expect(foreignObjects(role, /Input/)).toEqual([]);
    }
  });

  test('has no action on all resources but those that AWS has no resources for', () => {
    for (const { permissions } of roles) {
      const all = permissions.filter((permission) => permission.endsWith(' *'));
      expect(all.filter((permission) => !WITHOUT_RESOURCES.test(permission))).toEqual([]);
    }
  });

  test('sends to and takes from its own queues alone', () => {
    const seen = new Set<string>();
    for (const { permissions } of roles) {
      const queues = new Set(permissions.flatMap((it) => /^sqs:\w+ (.*)$/.exec(it)?.[1] ?? []));
      expect(queues.size).toBe(2);
      for (const queue of queues) {
        expect(seen.has(queue)).toBe(false);
        seen.add(queue);
      }
    }
  });
});

describe('the roles of a fabric', () => {
  test('of a pipeline whose manifests can name any object read the whole input, and no more of the output', () => {
    const roles = pipelineRoles(fabrics['twenty pipelines']);
    const any = roles.find(({ pipeline }) => pipeline === 'any-manifest');
    expect(any && foreignObjects(any, /Input/)).toEqual([
      's3:GetObject <FabricInput>/*',
      's3:GetObjectVersion <FabricInput>/*',
      's3:ListBucket <FabricInput>',
    ]);
  });

  test('keep to the pipeline in buckets that the user names', () => {
    const { stack } = synthesize((others) => ({
      inputBuckets: [s3.Bucket.fromBucketName(others, 'More', 'more-input')],
      outputBucket: s3.Bucket.fromBucketName(others, 'Results', 'results'),
    }));
    for (const role of pipelineRoles(stack)) {
      expect(role.permissions.some((permission) => permission.includes(':::more-input/'))).toBe(true);
      expect(foreignObjects(role, /more-input|results/)).toEqual([]);
    }
  });

  test('fit into policies, and the resources into stacks, with as many pipelines as there can be', () => {
    const { stack } = synthesize((others) => ({
      configPath: TWENTY_CONFIG,
      inputBuckets: [s3.Bucket.fromBucketName(others, 'More', LONGEST_NAME)],
    }));
    const stacks = [stack, stack.fabric.containers].filter((it) => it !== undefined);
    for (const template of stacks.map((it) => Template.fromStack(it))) {
      expect(Object.keys(template.toJSON()['Resources'] as object).length).toBeLessThan(MAX_RESOURCES);
      const policies = Object.entries(MAX_CHARACTERS).flatMap(([type, max]) =>
        resourcesOf(template, type).map((policy) => [policy, max] as const),
      );
      for (const [{ Properties }, max] of policies) {
        const text = JSON.stringify(Properties['PolicyDocument'])
          .replaceAll(/\{"Fn::GetAtt":\["\w+","Arn"\]\}/g, `"arn:aws:sqs:ap-southeast-1:123456789012:${LONGEST_NAME}"`)
          .replaceAll(/\{"Fn::Join":\["",\[((?:[^[\]]|\[[^\]]*\])*)\]\]\}/g, '"$1"');
        expect(text.length).toBeLessThan(max);
      }
    }
  });
});
