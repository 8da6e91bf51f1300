import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Permission } from '../lib/config/compute.ts';
import type { SecretReference } from '../lib/remote/secrets/secret-reference.ts';

// Statements by hand, not the constructs' grants: those give more than the functions use.

/** Reading objects, those of given versions too. Without leave to list a bucket, an absent object is 403 and not 404. */
export function readInput(buckets: readonly s3.IBucket[]): readonly iam.PolicyStatement[] {
  return [
    allow(['s3:GetObject', 's3:GetObjectVersion'], buckets.map(objectsOf)),
    allow(
      ['s3:ListBucket'],
      buckets.map(({ bucketArn }) => bucketArn),
    ),
  ];
}

/** Reading and writing results and staging; a large object is written in parts, which may have to be given up. */
export function writeOutput(bucket: s3.IBucket): readonly iam.PolicyStatement[] {
  return [
    allow(['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'], [objectsOf(bucket)]),
    allow(['s3:ListBucket'], [bucket.bucketArn]),
  ];
}

/** Notes that are done with, and errors of elements that a redrive mended. */
export function removeOutput(bucket: s3.IBucket): iam.PolicyStatement {
  return allow(['s3:DeleteObject'], [objectsOf(bucket)]);
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
  const buckets = new Set(places.map((place) => place.slice(0, place.indexOf('/'))));
  const arns = (resources: Iterable<string>): string[] => Array.from(resources, (it) => `arn:${partition}:s3:::${it}`);
  return [allow(['s3:GetObject', 's3:GetObjectVersion'], arns(places)), allow(['s3:ListBucket'], arns(buckets))];
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

/** Objects and messages under a key of the user's own. */
export function useKey(keyArn: string): iam.PolicyStatement {
  return allow(['kms:Decrypt', 'kms:GenerateDataKey'], [keyArn]);
}

export function allow(actions: readonly string[], resources: readonly string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions: [...actions], resources: [...resources] });
}

export function objectsOf(bucket: s3.IBucket): string {
  return bucket.arnForObjects('*');
}
