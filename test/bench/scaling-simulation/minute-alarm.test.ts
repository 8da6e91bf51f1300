import { describe, expect, test } from 'vitest';
import { evaluateAlarm, isOneOrMore, type MinuteAlarmOptions } from '../../../bench/scaling-simulation/minute-alarm.ts';
import { MinuteSeries } from '../../../bench/scaling-simulation/minute-series.ts';

/** Looked at in the minute after the last value; undefined is a minute without a datapoint. */
function look(values: readonly (number | undefined)[], options: Partial<MinuteAlarmOptions>) {
  const series = new MinuteSeries();
  values.forEach((value, minute) => value !== undefined && series.add(minute, value, 0));
  const alarm = {
    metric: series.at,
    isBreaching: isOneOrMore,
    evaluationPeriods: 3,
    treatMissingData: 'missing',
    ...options,
  } as const;
  return evaluateAlarm(alarm, values.length * 60);
}

describe('an alarm', () => {
  test('sounds with the newest values when as many datapoints breach, one after the other, as it evaluates', () => {
    expect(look([0, 1, 2, 3], {})).toEqual([3, 2, 1]);
    expect(look([1, 0, 2, 3], {})).toBeUndefined();
    expect(look([1, 1, 1, 0], {})).toBeUndefined();
    expect(look([0, 0, 0, 5], { evaluationPeriods: 1 })).toEqual([5]);
  });

  test('takes older datapoints for those that are late, whatever missing data counts for', () => {
    for (const treatMissingData of ['breaching', 'notBreaching', 'missing'] as const) {
      expect(look([1, 2, 3, undefined, undefined], { treatMissingData })).toEqual([3, 2, 1]);
      expect(look([0, 2, 3, undefined, undefined], { treatMissingData })).toBeUndefined();
    }
  });

  test('has data that is missing for good count for what was said', () => {
    const none = [1, 1, 1, undefined, undefined, undefined, undefined, undefined];
    expect(look(none, { treatMissingData: 'breaching' })).toEqual([]);
    expect(look(none, { treatMissingData: 'notBreaching' })).toBeUndefined();
    expect(look(none, { treatMissingData: 'missing' })).toBeUndefined();
    const few = [undefined, undefined, 1, 1, undefined];
    expect(look(few, { treatMissingData: 'breaching' })).toEqual([1, 1]);
    expect(look(few, { treatMissingData: 'notBreaching' })).toBeUndefined();
  });

  test('knows no datapoint before it is shown', () => {
    const series = new MinuteSeries();
    series.add(4, 1, 400);
    const alarm = {
      metric: series.at,
      isBreaching: isOneOrMore,
      evaluationPeriods: 1,
      treatMissingData: 'notBreaching',
    } as const;
    expect(evaluateAlarm(alarm, 399)).toBeUndefined();
    expect(evaluateAlarm(alarm, 400)).toEqual([1]);
  });
});
