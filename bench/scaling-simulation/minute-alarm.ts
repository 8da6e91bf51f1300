import { MINUTE_SECS, type MinuteValue } from './minute-series.ts';

export interface MinuteAlarmOptions {
  readonly metric: MinuteValue;
  readonly isBreaching: (value: number) => boolean;
  /** So many datapoints have to breach, one after the other. */
  readonly evaluationPeriods: number;
  /** What a datapoint that is missing counts for; `missing` keeps the alarm from sounding. */
  readonly treatMissingData: 'breaching' | 'notBreaching' | 'missing';
}

/** What an alarm looks at beyond its evaluation periods, in the examples that CloudWatch's page has of it. */
const MORE_PERIODS = 2;

/**
 * A CloudWatch alarm on a metric by the minute, as it treats data that is missing: what is late is no missing datapoint as long
 * as there are enough before it.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 *
 * @returns the values that it sounds for, newest first, without those that are missing; undefined where it does not.
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
