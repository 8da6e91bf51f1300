import type { Duration } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Architecture } from '../lib/config/compute.ts';

/** Properties of an InferenceFabric. */
export interface InferenceFabricProps {
  /** Path of the config module, whose default export is a fabric, from the working directory. */
  readonly configPath: string;
  /**
   * Paths of other files that the config's code reads, from the config's folder. They are deployed at the same places relative
   * to the config; models are found without being listed.
   *
   * @default - no other files
   */
  readonly files?: readonly string[];
  /**
   * Architecture of functions whose pipeline sets none.
   *
   * @default - the context value `architecture`, otherwise `arm64`
   */
  readonly architecture?: Architecture;
  /**
   * Other input buckets: a pipeline reads their objects under its name if manifests name them, or if the bucket sends its events
   * to `intakeQueue`.
   *
   * @default - only the fabric's input bucket
   */
  readonly inputBuckets?: readonly s3.IBucket[];
  /**
   * Bucket for results. Objects under `.fabric/` should expire after 30 days.
   *
   * @default - a new bucket
   */
  readonly outputBucket?: s3.IBucket;
  /**
   * KMS key for buckets and queues. An imported key must allow S3 (`s3.amazonaws.com`) to use `kms:GenerateDataKey` and
   * `kms:Decrypt`.
   *
   * @default - keys of S3 and SQS, which are free
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * Bucket for the access logs of the fabric's buckets.
   *
   * @default - no access logs
   */
  readonly accessLogsBucket?: s3.IBucket;
  /**
   * Topic for notifications of alarms.
   *
   * @default - no notifications
   */
  readonly alarmTopic?: sns.ITopic;
  /**
   * Maximum age of a waiting bundle without an alarm.
   *
   * @default Duration.hours(12)
   */
  readonly oldestMessageAge?: Duration;
  /**
   * Retention of the logs of functions and tasks.
   *
   * @default logs.RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;
}
