import { Resource, Stack, Token } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';

/**
 * Returns the accounts that own buckets, by bucket, so that S3 refuses requests if another account owns the bucket; undefined
 * if no owner is known. The owner of an imported bucket is known only if its account was given, as CDK otherwise assumes the
 * account of the stack.
 */
export function ownersOf(buckets: readonly s3.IBucket[]): Readonly<Record<string, string>> | undefined {
  const owners = buckets.flatMap((bucket) => {
    const account = ownerOf(bucket);
    return account === undefined ? [] : [[bucket.bucketName, account] as const];
  });
  return owners.length === 0 ? undefined : Object.fromEntries(owners);
}

function ownerOf(bucket: s3.IBucket): string | undefined {
  const { account } = bucket.env;
  if (Resource.isOwnedResource(bucket)) return account;
  return Token.isUnresolved(account) || account === Stack.of(bucket).account ? undefined : account;
}
