import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { STAGING } from '../lib/jobs/output-layout.ts';
import { acknowledgeMissingAccessLogs } from './acknowledgements.ts';

/** Parts of an aborted upload are billed until they are removed. */
const ABANDONED_UPLOADS = { abortIncompleteMultipartUploadAfter: Duration.days(7) };
/** Longer than the retention of any queue, so that no message names staging that has expired. */
const STAGING_LIFETIME = Duration.days(30);

/** Properties of a bucket. */
export interface FabricBucketProps {
  /** KMS key of the objects. @default - a key of S3 (SSE-S3) */
  readonly encryptionKey?: kms.IKey | undefined;
  /** Bucket for access logs. @default - no access logs */
  readonly accessLogsBucket?: s3.IBucket | undefined;
}

/** Bucket for dropped files. It is versioned, so that each upload is a separate job and does not change while it is read. */
export class InputBucket extends s3.Bucket {
  constructor(scope: Construct, id: string, props: FabricBucketProps) {
    super(scope, id, { ...bucketSettings(props), versioned: true, lifecycleRules: [ABANDONED_UPLOADS] });
    acknowledgeMissingAccessLogs(this, props.accessLogsBucket);
  }
}

/** Bucket for results. */
export class OutputBucket extends s3.Bucket {
  constructor(scope: Construct, id: string, props: FabricBucketProps) {
    super(scope, id, {
      ...bucketSettings(props),
      lifecycleRules: [ABANDONED_UPLOADS, { prefix: `${STAGING}/`, expiration: STAGING_LIFETIME }],
    });
    acknowledgeMissingAccessLogs(this, props.accessLogsBucket);
  }
}

/**
 * Returns the settings of both buckets: not public, TLS only, encrypted, and kept when the stack is destroyed, as they hold the
 * user's data. The rollback of a first deployment removes them, as they are still empty.
 */
function bucketSettings({ encryptionKey, accessLogsBucket }: FabricBucketProps): s3.BucketProps {
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
