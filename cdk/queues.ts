import { Duration, Names, Stack } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { MAX_RECEIVES } from '../lib/config/delivery.ts';
import { JOB_MAX_MILLIS } from '../lib/jobs/sending/send-finalize.ts';

/** Longer than a job can last, so that no message is lost before its job has ended. */
const RETENTION = Duration.millis(JOB_MAX_MILLIS).plus(Duration.days(1));
/** SQS's most. In a dead-letter queue a message keeps the time at which it was first sent. */
const DEAD_LETTER_RETENTION = Duration.days(14);
/** SQS's limit. */
const MAX_NAME_CHARACTERS = 80;
/** AWS's advice, so that a message in a function's retries is not given out again. */
const VISIBILITY_FACTOR = 6;

export interface DeadLetterQueueProps {
  /** @default SQS's own key (SSE-SQS) */
  readonly encryptionKey?: kms.IKey | undefined;
  /** ARN of the queue that moves its messages here. @default no queue does: messages are sent here */
  readonly source?: string;
}

/** A queue that keeps what failed, for people to look at. */
export class DeadLetterQueue extends sqs.Queue {
  constructor(scope: Construct, id: string, { encryptionKey, source }: DeadLetterQueueProps) {
    super(scope, id, {
      ...encryption(encryptionKey),
      enforceSSL: true,
      retentionPeriod: DEAD_LETTER_RETENTION,
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
    });
    if (source === undefined) return;
    // The class `Queue` makes one of these, always.
    const resource = this.node.defaultChild as sqs.CfnQueue;
    resource.redriveAllowPolicy = { redrivePermission: sqs.RedrivePermission.BY_QUEUE, sourceQueueArns: [source] };
  }
}

export interface WorkQueueProps extends DeadLetterQueueProps {
  /** How long a run of the function that takes its messages may last. */
  readonly functionTimeout: Duration;
  /** How long messages wait for others before that. @default none */
  readonly batchingWindow?: Duration | undefined;
}

/** A queue of work for a function, and the queue where messages go that it failed at time after time. */
export class WorkQueue extends Construct {
  readonly queue: sqs.Queue;
  readonly deadLetters: DeadLetterQueue;

  constructor(scope: Construct, id: string, props: WorkQueueProps) {
    super(scope, id);
    const { encryptionKey, functionTimeout, batchingWindow = Duration.seconds(0) } = props;
    // Each of the two names the other: one of the names has to be known before the queue is there.
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
