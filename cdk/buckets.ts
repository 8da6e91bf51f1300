import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { STAGING } from '../lib/jobs/output-layout.ts';
import { acknowledgeMissingAccessLogs } from './acknowledgements.ts';

/** What an upload that was broken off left behind is paid for until it is removed. */
const ABANDONED_UPLOADS = { abortIncompleteMultipartUploadAfter: Duration.days(7) };
/** Later than any queue's retention: no message ever names what is gone. */
const STAGING_LIFETIME = Duration.days(30);

export interface FabricBucketProps {
  /** @default S3's own keys (SSE-S3) */
  readonly encryptionKey?: kms.IKey | undefined;
  /** @default none: no access logs are kept */
  readonly accessLogsBucket?: s3.IBucket | undefined;
}

/** Files are dropped here. Versioned, so that each upload is a job of its own and stays what it was while it is read. */
export class InputBucket extends s3.Bucket {
  constructor(scope: Construct, id: string, props: FabricBucketProps) {
    super(scope, id, { ...shared(props), versioned: true, lifecycleRules: [ABANDONED_UPLOADS] });
    acknowledgeMissingAccessLogs(this, props.accessLogsBucket);
  }
}

/** Results are written here. */
export class OutputBucket extends s3.Bucket {
  constructor(scope: Construct, id: string, props: FabricBucketProps) {
    super(scope, id, {
      ...shared(props),
      lifecycleRules: [ABANDONED_UPLOADS, { prefix: `${STAGING}/`, expiration: STAGING_LIFETIME }],
    });
    acknowledgeMissingAccessLogs(this, props.accessLogsBucket);
  }
}

/**
 * Nothing public, TLS only, encrypted; and kept when the stack is destroyed, as it holds the user's data. A first deployment
 * that is rolled back removes it: it is empty then.
 */
function shared({ encryptionKey, accessLogsBucket }: FabricBucketProps): s3.BucketProps {
  const key =
    encryptionKey === undefined
      ? { encryption: s3.BucketEncryption.S3_MANAGED }
      : { encryption: s3.BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true };
  return {
    ...key,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ...(accessLogsBucket === undefined ? {} : { serverAccessLogsBucket: accessLogsBucket }),
  };
}
