import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

export interface FabricAlarmsProps {
  /** Told when an alarm goes off, and when it is over. @default nobody is told */
  readonly topic?: sns.ITopic | undefined;
  /** The age from which a waiting message is an alarm. */
  readonly oldestMessageAge: Duration;
}

type AlarmProps = Omit<cloudwatch.AlarmProps, 'evaluationPeriods' | 'treatMissingData'> &
  Partial<Pick<cloudwatch.AlarmProps, 'evaluationPeriods'>>;

const PERIOD = Duration.minutes(5);

/** Alarms: anything in a dead-letter queue, work that waits too long, and a function that fails time after time. */
export class FabricAlarms extends Construct {
  readonly all: cloudwatch.Alarm[] = [];
  readonly #props: FabricAlarmsProps;

  constructor(scope: Construct, id: string, props: FabricAlarmsProps) {
    super(scope, id);
    this.#props = props;
  }

  /** @param what - lies in the queue, for people to read */
  watchDeadLetters(id: string, queue: sqs.Queue, what: string): void {
    this.#add(id, {
      metric: queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: 'Maximum' }),
      threshold: 0,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      alarmDescription: `${what} in the dead-letter queue.`,
    });
  }

  watchAge(id: string, queue: sqs.Queue, what: string): void {
    const threshold = this.#props.oldestMessageAge;
    this.#add(id, {
      metric: queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' }),
      threshold: threshold.toSeconds(),
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      alarmDescription: `${what} wait for more than ${threshold.toHumanString()}.`,
    });
  }

  /** @param minutes - for which the function, that runs once a minute, has to fail. */
  watchEveryMinute(
    id: string,
    func: lambda.Function,
    { what, minutes }: { readonly what: string; readonly minutes: number },
  ): void {
    this.#add(id, {
      metric: func.metricErrors({ period: Duration.minutes(1), statistic: 'Sum' }),
      threshold: 0,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: minutes,
      alarmDescription: `${what} has failed for ${minutes} minutes.`,
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
