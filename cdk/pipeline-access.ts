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
import { allow, allowRequested, ownParameterArn, readModels, readSecrets, sendTo, useKeys } from './permissions.ts';
import { MAX_RECEIVES } from '../lib/config/delivery.ts';

/** Resources and settings that all functions of a fabric share. */
export interface FabricResources extends FabricBuckets {
  /** KMS key of buckets and queues; undefined with keys of the services. */
  readonly encryptionKey: kms.IKey | undefined;
  /** Retention of the logs. */
  readonly logRetention: logs.RetentionDays;
  /** Architecture of functions whose pipeline sets none. */
  readonly architecture: Architecture;
  /** Path in SSM's Parameter Store that has a parameter for each governed pipeline, by the pipeline's name. */
  readonly parameters: string;
}

/** Resources that a function or task accesses to process bundles. */
export interface PipelineAccess extends FabricResources {
  /** Description of the pipeline. */
  readonly pipeline: DescribedPipeline;
  /** Queue of its bundles. */
  readonly bundleQueue: sqs.IQueue;
  /** Queue of its failed elements. */
  readonly elementDeadLetters: sqs.IQueue;
  /** Name of its governor's parameter; undefined without a governor. */
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

/** Returns the permissions for processing bundles, without those for consuming them from their queue. */
export function pipelineStatements(access: PipelineAccess): readonly iam.PolicyStatement[] {
  const { encryptionKey, pipeline, governedBy } = access;
  return [
    ...processorBuckets(access, pipeline).statements,
    sendTo([access.bundleQueue, access.elementDeadLetters]),
    ...readModels(pipeline.modelObjects, Aws.PARTITION),
    ...useKeys([encryptionKey]),
    ...allowRequested([...(pipeline.endpoints?.permissions ?? []), ...(pipeline.compute.permissions ?? [])]),
    ...readSecrets(pipeline.endpoints?.secrets ?? []),
    ...(governedBy === undefined ? [] : [allow(['ssm:GetParameter'], [ownParameterArn(governedBy)])]),
  ];
}

/** Acknowledges the wildcards in these permissions. @param construct - contains the role */
export function acknowledgePipeline(construct: IConstruct, access: PipelineAccess): void {
  acknowledgeObjects(construct, processorBuckets(access, access.pipeline).keys);
  acknowledgeModels(construct, access.pipeline.modelObjects);
  acknowledgeEndpoints(construct, access.pipeline.endpoints?.permissions ?? []);
}
