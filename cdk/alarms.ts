import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

/** Properties of the alarms of a fabric. */
export interface FabricAlarmsProps {
  /** Topic that receives a notification when an alarm goes off, and when it is over. @default - no notifications */
  readonly topic?: sns.ITopic | undefined;
  /** Maximum age of a waiting message without an alarm. */
  readonly oldestMessageAge: Duration;
}

type AlarmProps = Omit<cloudwatch.AlarmProps, 'evaluationPeriods' | 'treatMissingData'> &
  Partial<Pick<cloudwatch.AlarmProps, 'evaluationPeriods'>>;

const PERIOD = Duration.minutes(5);

/** Alarms of a fabric: messages in dead-letter queues, messages that wait too long, and a function that keeps failing. */
export class FabricAlarms extends Construct {
  /** All alarms, in the order in which they were added. */
  readonly all: cloudwatch.Alarm[] = [];
  readonly #props: FabricAlarmsProps;

  constructor(scope: Construct, id: string, props: FabricAlarmsProps) {
    super(scope, id);
    this.#props = props;
  }

  /** Adds an alarm on any message in a dead-letter queue. */
  watchDeadLetters(id: string, queue: sqs.Queue, alarmDescription: string): void {
    this.#add(id, {
      metric: queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: 'Maximum' }),
      threshold: 0,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      alarmDescription,
    });
  }

  /** Adds an alarm on a message that waits for longer than `oldestMessageAge`. */
  watchAge(id: string, queue: sqs.Queue, alarmDescription: string): void {
    this.#add(id, {
      metric: queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' }),
      threshold: this.#props.oldestMessageAge.toSeconds(),
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      alarmDescription,
    });
  }

  /** Adds an alarm on a function that runs once a minute and has failed in each of the last minutes. */
  watchEveryMinute(
    id: string,
    func: lambda.Function,
    { minutes, alarmDescription }: { readonly minutes: number; readonly alarmDescription: string },
  ): void {
    this.#add(id, {
      metric: func.metricErrors({ period: Duration.minutes(1), statistic: 'Sum' }),
      threshold: 0,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: minutes,
      alarmDescription,
    });
  }

  #add(id: string, props: AlarmProps): void {
    // An idle queue has no metrics.
    const treatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING;
    const alarm = new cloudwatch.Alarm(this, id, { evaluationPeriods: 1, ...props, treatMissingData });
    const { topic } = this.#props;
    if (topic !== undefined) {
      alarm.addAlarmAction(new SnsAction(topic));
      alarm.addOkAction(new SnsAction(topic));
    }
    this.all.push(alarm);
  }
}
