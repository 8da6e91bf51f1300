import type { Duration } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Architecture } from '../lib/config/compute.ts';

export interface InferenceFabricProps {
  /** The config module, whose default export is a fabric: a path from the working directory. */
  readonly configPath: string;
  /**
   * Paths of other files that the config's code reads, from the config's folder; they lie at the same places beside it.
   * @default none: models are found by themselves
   */
  readonly files?: readonly string[];
  /**
   * The processor of functions whose pipeline names none.
   * @default the context value `architecture`, otherwise `arm64`
   */
  readonly architecture?: Architecture;
  /**
   * Buckets whose objects below a pipeline's name are read, beside the fabric's own input bucket: those that manifests name,
   * and those that the bucket's events to `intakeQueue` name. @default none
   */
  readonly inputBuckets?: readonly s3.IBucket[];
  /** Where results go; what lies under `.fabric/` there should expire after 30 days. @default a bucket of the fabric's own */
  readonly outputBucket?: s3.IBucket;
  /**
   * A key of the user's own for buckets and queues. One that is made elsewhere has to let S3 (`s3.amazonaws.com`) use
   * `kms:GenerateDataKey` and `kms:Decrypt`.
   * @default the services' own keys, which cost nothing
   */
  readonly encryptionKey?: kms.IKey;
  /** Where access logs of the fabric's buckets go. @default none are kept */
  readonly accessLogsBucket?: s3.IBucket;
  /** Told of alarms. @default nobody is told */
  readonly alarmTopic?: sns.ITopic;
  /** The age of a waiting bundle from which it is an alarm. @default 12 hours */
  readonly oldestMessageAge?: Duration;
  /** @default one month */
  readonly logRetention?: logs.RetentionDays;
}
