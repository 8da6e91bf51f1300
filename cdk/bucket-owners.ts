import { Resource, Stack, Token } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';

/**
 * Returns the variable that names the owners of buckets, for requests that S3 is to refuse where another account owns the
 * bucket. Left out are buckets whose owner is not known: CDK takes an imported bucket for one of the stack's own account,
 * unless its account was given.
 */
export function ownersVariable(buckets: readonly s3.IBucket[]): Readonly<Record<string, string>> {
  const owners = buckets.flatMap((bucket) => {
    const account = ownerOf(bucket);
    return account === undefined ? [] : [[bucket.bucketName, account] as const];
  });
  return owners.length === 0 ? {} : { FABRIC_BUCKET_OWNERS: JSON.stringify(Object.fromEntries(owners)) };
}

function ownerOf(bucket: s3.IBucket): string | undefined {
  const { account } = bucket.env;
  if (Resource.isOwnedResource(bucket)) return account;
  return Token.isUnresolved(account) || account === Stack.of(bucket).account ? undefined : account;
}
