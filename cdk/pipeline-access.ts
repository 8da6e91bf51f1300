import { Aws } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { IConstruct } from 'constructs';
import type { BundleSettings, DeployedSettings } from '../functions/environment.ts';
import type { Architecture } from '../lib/config/compute.ts';
import { acknowledgeEndpoints, acknowledgeModels, acknowledgeObjects } from './acknowledgements.ts';
import { ownersOf } from './bucket-owners.ts';
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

/**
 * Returns the settings of a function or task that processes bundles.
 *
 * @param configModule - path of the config module in the code
 */
export function bundleSettings(
  { outputBucket, inputBuckets, bundleQueue, elementDeadLetters, pipeline, governedBy }: PipelineAccess,
  configModule: string,
): BundleSettings & Pick<DeployedSettings, 'bucketOwners'> {
  return {
    outputBucket: outputBucket.bucketName,
    inputBuckets: inputBuckets.map(({ bucketName }) => bucketName),
    bucketOwners: ownersOf([outputBucket, ...inputBuckets]),
    queues: { bundles: bundleQueue.queueUrl, deadLetters: elementDeadLetters.queueUrl },
    pipeline: pipeline.name,
    config: configModule,
    maxReceives: MAX_RECEIVES,
    concurrencyParameter: governedBy,
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
