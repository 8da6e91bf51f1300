import { Duration, Names, Stack } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { MAX_RECEIVES } from '../lib/config/delivery.ts';
import { JOB_MAX_MILLIS } from '../lib/jobs/sending/send-finalize.ts';

/** Longer than a job can last, so that no message is lost before its job has ended. */
const RETENTION = Duration.millis(JOB_MAX_MILLIS).plus(Duration.days(1));
/** SQS's maximum. The retention in a dead-letter queue counts from the time at which a message was first sent. */
const DEAD_LETTER_RETENTION = Duration.days(14);
/** SQS's limit on names. */
const MAX_NAME_CHARACTERS = 80;
/** Recommended by AWS, so that a message does not become visible while Lambda retries it. */
const VISIBILITY_FACTOR = 6;

/** Properties of a dead-letter queue. */
export interface DeadLetterQueueProps {
  /** KMS key of the messages. @default - a key of SQS (SSE-SQS) */
  readonly encryptionKey?: kms.IKey | undefined;
  /** ARN of the queue that moves its messages here. @default - no queue: messages are sent here */
  readonly source?: string;
}

/** A queue that keeps failed messages for inspection. */
export class DeadLetterQueue extends sqs.Queue {
  constructor(scope: Construct, id: string, { encryptionKey, source }: DeadLetterQueueProps) {
    super(scope, id, {
      ...encryption(encryptionKey),
      enforceSSL: true,
      retentionPeriod: DEAD_LETTER_RETENTION,
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
    });
    if (source === undefined) return;
    // The default child of a `Queue` is always a `CfnQueue`.
    const resource = this.node.defaultChild as sqs.CfnQueue;
    resource.redriveAllowPolicy = { redrivePermission: sqs.RedrivePermission.BY_QUEUE, sourceQueueArns: [source] };
  }
}

/** Properties of a work queue. */
export interface WorkQueueProps extends DeadLetterQueueProps {
  /** Timeout of the function that processes its messages. */
  readonly functionTimeout: Duration;
  /** Time for which messages are gathered before that. @default Duration.seconds(0) */
  readonly batchingWindow?: Duration | undefined;
}

/** A queue of work, and the dead-letter queue of messages that failed in all tries. */
export class WorkQueue extends Construct {
  /** Queue of work. */
  readonly queue: sqs.Queue;
  /** Dead-letter queue of the messages that failed in all tries. */
  readonly deadLetters: DeadLetterQueue;

  constructor(scope: Construct, id: string, props: WorkQueueProps) {
    super(scope, id);
    const { encryptionKey, functionTimeout, batchingWindow = Duration.seconds(0) } = props;
    // The queues name each other, so one of the names must be known before its queue exists.
    const queueName = Names.uniqueResourceName(this, { maxLength: MAX_NAME_CHARACTERS });
    const source = Stack.of(this).formatArn({ service: 'sqs', resource: queueName });
    this.deadLetters = new DeadLetterQueue(this, 'DeadLetters', { encryptionKey, source });
    this.queue = new sqs.Queue(this, 'Queue', {
      queueName,
      ...encryption(encryptionKey),
      enforceSSL: true,
      retentionPeriod: RETENTION,
      visibilityTimeout: Duration.seconds(functionTimeout.toSeconds() * VISIBILITY_FACTOR + batchingWindow.toSeconds()),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
  }
}

function encryption(key: kms.IKey | undefined): Pick<sqs.QueueProps, 'encryption' | 'encryptionMasterKey'> {
  if (key === undefined) return { encryption: sqs.QueueEncryption.SQS_MANAGED };
  return { encryption: sqs.QueueEncryption.KMS, encryptionMasterKey: key };
}
