import { MINUTE_SECS, type MinuteValue } from './minute-series.ts';

export interface MinuteAlarmOptions {
  readonly metric: MinuteValue;
  readonly isBreaching: (value: number) => boolean;
  /** Number of consecutive datapoints that must breach. */
  readonly evaluationPeriods: number;
  /** Treatment of missing datapoints; with `missing` the alarm does not fire. */
  readonly treatMissingData: 'breaching' | 'notBreaching' | 'missing';
}

/** Datapoints that an alarm evaluates beyond its evaluation periods, in the examples of CloudWatch's documentation. */
const MORE_PERIODS = 2;

/**
 * Evaluates a CloudWatch alarm on a metric by the minute, with its treatment of missing data: a late datapoint does not count
 * as missing as long as there are enough before it.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 *
 * @returns the values for which it fires, newest first, without missing ones; undefined if it does not fire.
 */
export function evaluateAlarm(options: MinuteAlarmOptions, now: number): readonly number[] | undefined {
  const { metric, isBreaching, evaluationPeriods, treatMissingData } = options;
  const newest = Math.floor(now / MINUTE_SECS) - 1;
  const values: number[] = [];
  for (let age = 0; age < evaluationPeriods + MORE_PERIODS && values.length < evaluationPeriods; age += 1) {
    const value = metric(newest - age, now);
    if (value === undefined) continue;
    if (!isBreaching(value)) return undefined;
    values.push(value);
  }
  if (values.length < evaluationPeriods && treatMissingData !== 'breaching') return undefined;
  return values;
}

export function isOneOrMore(value: number): boolean {
  return value >= 1;
}
