import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Permission } from '../lib/config/compute.ts';
import type { SecretReference } from '../lib/remote/secrets/secret-reference.ts';

// Statements instead of the grants of constructs, which allow more than the functions need.

/** Keys of a bucket, as patterns in which `*` matches any text: `wine/*`. */
export interface BucketKeys {
  /** The bucket. */
  readonly bucket: s3.IBucket;
  /** Patterns of keys. */
  readonly keys: readonly string[];
}

/** Allows reading objects, with or without a version. */
export function readVersions(places: readonly BucketKeys[]): iam.PolicyStatement {
  return allow(['s3:GetObject', 's3:GetObjectVersion'], places.flatMap(arnsOf));
}

/** Allows reading objects. */
export function readObjects(place: BucketKeys): iam.PolicyStatement {
  return allow(['s3:GetObject'], arnsOf(place));
}

/** Allows writing objects, and aborting multipart uploads. */
export function writeObjects(place: BucketKeys): iam.PolicyStatement {
  return allow(['s3:PutObject', 's3:AbortMultipartUpload'], arnsOf(place));
}

/** Allows removing objects. */
export function removeObjects(place: BucketKeys): iam.PolicyStatement {
  return allow(['s3:DeleteObject'], arnsOf(place));
}

/**
 * Allows listing keys of a bucket. Without this permission S3 returns 403 instead of 404 for a missing object; it evaluates the
 * permission with the requested key as `s3:prefix` (https://github.com/ceph/ceph/pull/68577 describes it).
 */
export function listKeys({ bucket, keys }: BucketKeys): iam.PolicyStatement {
  const statement = allow(['s3:ListBucket'], [bucket.bucketArn]);
  if (!keys.includes(ANY_KEY)) statement.addCondition('StringLike', { 's3:prefix': [...keys] });
  return statement;
}

/** Pattern that matches all keys of a bucket. */
export const ANY_KEY = '*';

function arnsOf({ bucket, keys }: BucketKeys): readonly string[] {
  return keys.map((pattern) => bucket.arnForObjects(pattern));
}

/** Allows consuming messages; Lambda's poller consumes them with the role of the function. */
export function consumeFrom(queue: sqs.IQueue): iam.PolicyStatement {
  return allow(
    ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
    [queue.queueArn],
  );
}

/** Allows sending messages. */
export function sendTo(queues: readonly sqs.IQueue[]): iam.PolicyStatement {
  return allow(
    ['sqs:SendMessage'],
    queues.map(({ queueArn }) => queueArn),
  );
}

/** Allows reading models. @param uris - `s3://<bucket>/<key>`; a final `*` matches any text */
export function readModels(uris: readonly string[], partition: string): readonly iam.PolicyStatement[] {
  if (uris.length === 0) return [];
  const places = uris.map((uri) => uri.replace(/^s3:\/\//, ''));
  const arnOf = (resource: string): string => `arn:${partition}:s3:::${resource}`;
  const byBucket = Map.groupBy(places, (place) => place.slice(0, place.indexOf('/')));
  const lists = Array.from(byBucket, ([bucket, ofBucket]) => {
    const statement = allow(['s3:ListBucket'], [arnOf(bucket)]);
    statement.addCondition('StringLike', { 's3:prefix': ofBucket.map((place) => place.slice(bucket.length + 1)) });
    return statement;
  });
  return [allow(['s3:GetObject', 's3:GetObjectVersion'], places.map(arnOf)), ...lists];
}

/** Allows what the user and the handlers request. */
export function allowRequested(permissions: readonly Permission[]): readonly iam.PolicyStatement[] {
  return permissions.map(({ actions, resources }) => allow(actions, resources));
}

/** Allows reading secrets. Secrets under AWS's own keys require no permission to decrypt. */
export function readSecrets(secrets: readonly SecretReference[]): readonly iam.PolicyStatement[] {
  const managed = secrets.flatMap((secret) => ('secretsManager' in secret ? secretArn(secret.secretsManager) : []));
  const parameters = secrets.flatMap((secret) => ('ssm' in secret ? parameterArn(secret.ssm) : []));
  return [...allowWhere('secretsmanager:GetSecretValue', managed), ...allowWhere('ssm:GetParameter', parameters)];
}

/** Secrets Manager appends a hyphen and six random characters to the ARN of a secret. */
const WHOLE_SECRET_ARN = /-[A-Za-z0-9]{6}$/;
const ANY_ENDING = '-??????';

function secretArn(nameOrArn: string): string {
  if (nameOrArn.startsWith('arn:')) return WHOLE_SECRET_ARN.test(nameOrArn) ? nameOrArn : nameOrArn + ANY_ENDING;
  return `arn:${Aws.PARTITION}:secretsmanager:${Aws.REGION}:${Aws.ACCOUNT_ID}:secret:${nameOrArn}${ANY_ENDING}`;
}

/** Returns the ARN of a parameter. @param nameOrArn - can end in a version or label, which are not part of the ARN: `/keys/openai:3` */
export function parameterArn(nameOrArn: string): string {
  if (nameOrArn.startsWith('arn:')) return nameOrArn.split(':').slice(0, ARN_PARTS).join(':');
  const [name = ''] = nameOrArn.replace(/^\//, '').split(':');
  return ownParameterArn(`/${name}`);
}

/** Returns the ARN of a parameter in the account and region of the stack. @param path - can contain tokens */
export function ownParameterArn(path: string): string {
  return `arn:${Aws.PARTITION}:ssm:${Aws.REGION}:${Aws.ACCOUNT_ID}:parameter${path}`;
}

/** Number of parts in `arn:aws:ssm:<region>:<account>:parameter/<name>`. */
const ARN_PARTS = 6;

function allowWhere(action: string, resources: readonly string[]): readonly iam.PolicyStatement[] {
  return resources.length === 0 ? [] : [allow([action], resources)];
}

/** Allows reading and writing objects and messages that are encrypted with keys of the user. */
export function useKeys(keys: readonly (kms.IKey | undefined)[]): readonly iam.PolicyStatement[] {
  return withKeys(['kms:Decrypt', 'kms:GenerateDataKey'], keys);
}

/** Allows reading objects that are encrypted with keys of the user. */
export function decryptWith(keys: readonly (kms.IKey | undefined)[]): readonly iam.PolicyStatement[] {
  return withKeys(['kms:Decrypt'], keys);
}

function withKeys(actions: readonly string[], keys: readonly (kms.IKey | undefined)[]): readonly iam.PolicyStatement[] {
  const arns = [...new Set(keys.flatMap((key) => key?.keyArn ?? []))];
  return arns.length === 0 ? [] : [allow(actions, arns)];
}

/** Returns a statement that allows actions on resources. */
export function allow(actions: readonly string[], resources: readonly string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions: [...actions], resources: [...resources] });
}
