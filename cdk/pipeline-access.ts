import { Aws } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { IConstruct } from 'constructs';
import type { Architecture } from '../lib/config/compute.ts';
import { acknowledgeEndpoints, acknowledgeModels, acknowledgeObjects } from './acknowledgements.ts';
import { ownersVariable } from './bucket-owners.ts';
import { type FabricBuckets, processorBuckets } from './bucket-access.ts';
import type { DescribedPipeline } from './fabric-description.ts';
import { allow, askedFor, ownParameterArn, readModels, readSecrets, sendTo, useKeys } from './permissions.ts';
import { MAX_RECEIVES } from '../lib/config/delivery.ts';

/** What all functions of a fabric share. */
export interface FabricResources extends FabricBuckets {
  readonly encryptionKey: kms.IKey | undefined;
  readonly logRetention: logs.RetentionDays;
  /** Where a pipeline names none. */
  readonly architecture: Architecture;
  /** Under which SSM's Parameter Store has a parameter for each governed pipeline, by its name. */
  readonly parameters: string;
}

/** What a function or a task that processes bundles works with. */
export interface PipelineAccess extends FabricResources {
  readonly pipeline: DescribedPipeline;
  readonly bundleQueue: sqs.IQueue;
  readonly elementDeadLetters: sqs.IQueue;
  /** Its governor's parameter. @default it has no governor */
  readonly governedBy: string | undefined;
}

/** @param configModule - by its path in the code. */
export function pipelineEnvironment(access: PipelineAccess, configModule: string): Readonly<Record<string, string>> {
  const queues = { bundles: access.bundleQueue.queueUrl, deadLetters: access.elementDeadLetters.queueUrl };
  return {
    FABRIC_OUTPUT_BUCKET: access.outputBucket.bucketName,
    FABRIC_INPUT_BUCKETS: JSON.stringify(access.inputBuckets.map(({ bucketName }) => bucketName)),
    ...ownersVariable([access.outputBucket, ...access.inputBuckets]),
    FABRIC_QUEUES: JSON.stringify(queues),
    FABRIC_PIPELINE: access.pipeline.name,
    FABRIC_CONFIG: configModule,
    FABRIC_MAX_RECEIVES: String(MAX_RECEIVES),
    ...(access.governedBy === undefined ? {} : { FABRIC_CONCURRENCY_PARAMETER: access.governedBy }),
  };
}

/** What processing bundles takes, beside taking them from their queue. */
export function pipelineStatements(access: PipelineAccess): readonly iam.PolicyStatement[] {
  const { encryptionKey, pipeline, governedBy } = access;
  return [
    ...processorBuckets(access, pipeline).statements,
    sendTo([access.bundleQueue, access.elementDeadLetters]),
    ...readModels(pipeline.modelObjects, Aws.PARTITION),
    ...useKeys([encryptionKey]),
    ...askedFor([...(pipeline.endpoints?.permissions ?? []), ...(pipeline.compute.permissions ?? [])]),
    ...readSecrets(pipeline.endpoints?.secrets ?? []),
    ...(governedBy === undefined ? [] : [allow(['ssm:GetParameter'], [ownParameterArn(governedBy)])]),
  ];
}

/** @param construct - that has the role with the statements. */
export function acknowledgePipeline(construct: IConstruct, access: PipelineAccess): void {
  acknowledgeObjects(construct, processorBuckets(access, access.pipeline).keys);
  acknowledgeModels(construct, access.pipeline.modelObjects);
  acknowledgeEndpoints(construct, access.pipeline.endpoints?.permissions ?? []);
}
