import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Permission } from '../lib/config/compute.ts';
import type { SecretReference } from '../lib/remote/secrets/secret-reference.ts';

// Statements by hand, not the constructs' grants: those give more than the functions use.

/** Keys of a bucket, by patterns in which `*` is any text: `wine/*`. */
export interface BucketKeys {
  readonly bucket: s3.IBucket;
  readonly keys: readonly string[];
}

/** Reading objects, those of given versions too. */
export function readVersions(places: readonly BucketKeys[]): iam.PolicyStatement {
  return allow(['s3:GetObject', 's3:GetObjectVersion'], places.flatMap(arnsOf));
}

export function readObjects(place: BucketKeys): iam.PolicyStatement {
  return allow(['s3:GetObject'], arnsOf(place));
}

/** A large object is written in parts, which may have to be given up. */
export function writeObjects(place: BucketKeys): iam.PolicyStatement {
  return allow(['s3:PutObject', 's3:AbortMultipartUpload'], arnsOf(place));
}

export function removeObjects(place: BucketKeys): iam.PolicyStatement {
  return allow(['s3:DeleteObject'], arnsOf(place));
}

/**
 * Listing keys of a bucket. Without it an object that is not there is answered with 403 and not 404: S3 decides that by
 * this permission, with the requested key as `s3:prefix` (https://github.com/ceph/ceph/pull/68577 describes it).
 */
export function listKeys({ bucket, keys }: BucketKeys): iam.PolicyStatement {
  const statement = allow(['s3:ListBucket'], [bucket.bucketArn]);
  if (!keys.includes(ANY_KEY)) statement.addCondition('StringLike', { 's3:prefix': [...keys] });
  return statement;
}

/** The pattern of all keys of a bucket. */
export const ANY_KEY = '*';

function arnsOf({ bucket, keys }: BucketKeys): readonly string[] {
  return keys.map((pattern) => bucket.arnForObjects(pattern));
}

/** Taking messages: Lambda's poller does it with the function's role. */
export function takeFrom(queue: sqs.IQueue): iam.PolicyStatement {
  return allow(
    ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
    [queue.queueArn],
  );
}

export function sendTo(queues: readonly sqs.IQueue[]): iam.PolicyStatement {
  return allow(
    ['sqs:SendMessage'],
    queues.map(({ queueArn }) => queueArn),
  );
}

/** @param uris - `s3://<bucket>/<key>`; `*` at the end of a key stands for whatever follows */
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

/** What the user and the handlers asked for, word for word. */
export function askedFor(permissions: readonly Permission[]): readonly iam.PolicyStatement[] {
  return permissions.map(({ actions, resources }) => allow(actions, resources));
}

/** Reading these secrets and no others. Under AWS's own keys that needs no leave to decrypt. */
export function readSecrets(secrets: readonly SecretReference[]): readonly iam.PolicyStatement[] {
  const managed = secrets.flatMap((secret) => ('secretsManager' in secret ? secretArn(secret.secretsManager) : []));
  const parameters = secrets.flatMap((secret) => ('ssm' in secret ? parameterArn(secret.ssm) : []));
  return [...allowWhere('secretsmanager:GetSecretValue', managed), ...allowWhere('ssm:GetParameter', parameters)];
}

/** Secrets Manager ends a secret's ARN with a hyphen and six characters of its own. */
const WHOLE_SECRET_ARN = /-[A-Za-z0-9]{6}$/;
const ANY_ENDING = '-??????';

function secretArn(nameOrArn: string): string {
  if (nameOrArn.startsWith('arn:')) return WHOLE_SECRET_ARN.test(nameOrArn) ? nameOrArn : nameOrArn + ANY_ENDING;
  return `arn:${Aws.PARTITION}:secretsmanager:${Aws.REGION}:${Aws.ACCOUNT_ID}:secret:${nameOrArn}${ANY_ENDING}`;
}

/** @param nameOrArn - may end in a version or a label, which IAM knows nothing of: `/keys/openai:3` */
export function parameterArn(nameOrArn: string): string {
  if (nameOrArn.startsWith('arn:')) return nameOrArn.split(':').slice(0, ARN_PARTS).join(':');
  const [name = ''] = nameOrArn.replace(/^\//, '').split(':');
  return ownParameterArn(`/${name}`);
}

/** @param path - of a parameter of the fabric's own, which may hold references */
export function ownParameterArn(path: string): string {
  return `arn:${Aws.PARTITION}:ssm:${Aws.REGION}:${Aws.ACCOUNT_ID}:parameter${path}`;
}

/** `arn:aws:ssm:<region>:<account>:parameter/<name>` */
const ARN_PARTS = 6;

function allowWhere(action: string, resources: readonly string[]): readonly iam.PolicyStatement[] {
  return resources.length === 0 ? [] : [allow([action], resources)];
}

/** Writing and reading objects and messages under keys of the user. */
export function useKeys(keys: readonly (kms.IKey | undefined)[]): readonly iam.PolicyStatement[] {
  return withKeys(['kms:Decrypt', 'kms:GenerateDataKey'], keys);
}

/** Reading objects under keys of the user. */
export function decryptWith(keys: readonly (kms.IKey | undefined)[]): readonly iam.PolicyStatement[] {
  return withKeys(['kms:Decrypt'], keys);
}

function withKeys(actions: readonly string[], keys: readonly (kms.IKey | undefined)[]): readonly iam.PolicyStatement[] {
  const arns = [...new Set(keys.flatMap((key) => key?.keyArn ?? []))];
  return arns.length === 0 ? [] : [allow(actions, arns)];
}

export function allow(actions: readonly string[], resources: readonly string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions: [...actions], resources: [...resources] });
}
