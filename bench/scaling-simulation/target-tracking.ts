import { evaluateAlarm, isOneOrMore } from './minute-alarm.ts';
import type { MinuteValue } from './minute-series.ts';
import type { ScalingMetrics } from './scaling-metrics.ts';
import type { ScalingTarget } from './scaling-target.ts';

/** Conditions of Application Auto Scaling's alarms: time above the target, and time below a share of it. */
const HIGH_PERIODS = 3;
const LOW_PERIODS = 15;
const LOW_SHARE = 0.9;
/** As chosen by judgement at first: of target tracking about twice what a metric lags, of the first task its start. */
const SCALE_OUT_SECS = 180;
const SCALE_IN_SECS = 300;
const WAKE_SECS = 600;

/**
 * The alternative to steps by the backlog: target tracking of (visible + taken) / tasks, which has no value while no task
 * runs, and a step from zero tasks to one while bundles are visible and none is taken.
 * https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
 */
export class TargetTracking {
  readonly #targetValue: number;
  readonly #metrics: Pick<ScalingMetrics, 'visible' | 'taken' | 'running'>;
  readonly #target: ScalingTarget;

  constructor(
    targetValue: number,
    metrics: Pick<ScalingMetrics, 'visible' | 'taken' | 'running'>,
    target: ScalingTarget,
  ) {
    this.#targetValue = targetValue;
    this.#metrics = metrics;
    this.#target = target;
  }

  look(now: number): void {
    this.#wake(now);
    this.#growAndShrink(now);
  }

  #growAndShrink(now: number): void {
    const value = this.#targetValue;
    const common = { metric: this.#backlogPerTask, treatMissingData: 'missing' } as const;
    const isHigh = (backlog: number): boolean => backlog > value;
    const [high] = evaluateAlarm({ ...common, isBreaching: isHigh, evaluationPeriods: HIGH_PERIODS }, now) ?? [];
    if (high !== undefined) {
      const cooldown = { now, cooldownSecs: SCALE_OUT_SECS };
      this.#target.scaleOut('Track', cooldown, (capacity) => Math.ceil((capacity * high) / value));
    }
    const isLow = (backlog: number): boolean => backlog < LOW_SHARE * value;
    const [low] = evaluateAlarm({ ...common, isBreaching: isLow, evaluationPeriods: LOW_PERIODS }, now) ?? [];
    if (low === undefined) return;
    this.#target.scaleIn({ now, cooldownSecs: SCALE_IN_SECS }, Math.ceil((this.#target.desired * low) / value));
  }

  #wake(now: number): void {
    const waits = evaluateAlarm(
      { metric: this.#waits, isBreaching: isOneOrMore, evaluationPeriods: 1, treatMissingData: 'notBreaching' },
      now,
    );
    if (waits === undefined) return;
    this.#target.scaleOut('Wake', { now, cooldownSecs: WAKE_SECS }, (capacity) => capacity + 1);
  }

  readonly #backlogPerTask: MinuteValue = (minute, now) => {
    const visible = this.#metrics.visible.at(minute, now);
    const taken = this.#metrics.taken.at(minute, now);
    const tasks = this.#metrics.running.at(minute, now);
    return visible === undefined || taken === undefined || tasks === undefined ? undefined : (visible + taken) / tasks;
  };

  /** IF(visible > 0 AND taken < 1, 1, 0) */
  readonly #waits: MinuteValue = (minute, now) => {
    const visible = this.#metrics.visible.at(minute, now);
    const taken = this.#metrics.taken.at(minute, now);
    return visible === undefined || taken === undefined ? undefined : Number(visible > 0 && taken < 1);
  };
}
