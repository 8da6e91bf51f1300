import type { S3Client } from '@aws-sdk/client-s3';

export const OWNER_HEADER = 'x-amz-expected-bucket-owner';
const SOURCE_OWNER_HEADER = 'x-amz-source-expected-bucket-owner';

/** Fields of the commands' inputs. */
interface NamedBuckets {
  readonly Bucket?: string | undefined;
  readonly CopySource?: string | undefined;
}

interface SignedRequest {
  readonly headers: Record<string, string>;
}

/**
 * Makes S3 refuse a request to a bucket that another account owns, for example if the bucket was deleted and another
 * account created one of that name. The headers are set before the request is signed, on every request.
 *
 * @param owners - account ids by bucket; requests to other buckets are not checked.
 */
export function expectBucketOwners(client: S3Client, owners: ReadonlyMap<string, string>): void {
  if (owners.size === 0) return;
  client.middlewareStack.add(
    (next) => async (args) => {
      const { request } = args;
      // A command that names no bucket has none of these fields.
      const { Bucket, CopySource } = args.input as NamedBuckets;
      if (hasHeaders(request)) {
        setOwner(request, OWNER_HEADER, owners.get(Bucket ?? ''));
        setOwner(request, SOURCE_OWNER_HEADER, owners.get(CopySource?.split('/')[0] ?? ''));
      }
      return next(args);
    },
    { step: 'build', name: 'expectBucketOwners' },
  );
}

function setOwner({ headers }: SignedRequest, name: string, owner: string | undefined): void {
  if (owner !== undefined) headers[name] = owner;
}

function hasHeaders(request: unknown): request is SignedRequest {
  return typeof request === 'object' && request !== null && 'headers' in request;
}
