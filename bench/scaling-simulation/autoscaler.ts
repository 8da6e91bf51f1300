import { backlogSteps, type BacklogStep } from '../../lib/config/container-scaling.ts';
import { evaluateAlarm, isOneOrMore } from './minute-alarm.ts';
import type { MinuteValue } from './minute-series.ts';
import type { ScalingMetrics } from './scaling-metrics.ts';
import type { ScalingSettings } from './scaling-settings.ts';
import type { ScalingTarget } from './scaling-target.ts';
import { TargetTracking } from './target-tracking.ts';

/** The policies of cdk/containers/scaling.ts, whose alarms are looked at once a minute, and those that they are compared with. */
export class Autoscaler {
  readonly #settings: ScalingSettings;
  readonly #metrics: ScalingMetrics;
  readonly #target: ScalingTarget;
  readonly #steps: readonly BacklogStep[];
  readonly #tracking: TargetTracking | undefined;

  constructor(settings: ScalingSettings, metrics: ScalingMetrics, target: ScalingTarget) {
    this.#settings = settings;
    this.#metrics = metrics;
    this.#target = target;
    this.#steps = backlogSteps(settings);
    this.#tracking =
      settings.design.follow === 'tracking' ? new TargetTracking(settings.backlogPerTask, metrics, target) : undefined;
  }

  look(now: number): void {
    if (this.#tracking === undefined) this.#followBacklog(now);
    else this.#tracking.look(now);
    this.#sleep(now);
  }

  #followBacklog(now: number): void {
    const { backlogMinutes: evaluationPeriods, cooldownSecs } = this.#settings;
    const values = evaluateAlarm(
      { metric: this.#backlog, isBreaching: isOneOrMore, evaluationPeriods, treatMissingData: 'notBreaching' },
      now,
    );
    if (values === undefined) return;
    // The policy's aggregation type is of the datapoints that the alarm sounds for.
    const bundles = Math.max(...values);
    const tasks = this.#steps.findLast(({ fromBundles }) => bundles >= fromBundles)?.tasks ?? 0;
    this.#target.scaleOut('Follow', { now, cooldownSecs }, () => tasks);
    this.#target.scaleIn({ now, cooldownSecs }, tasks);
  }

  #sleep(now: number): void {
    const { idleMinutes: evaluationPeriods, cooldownSecs, minTasks } = this.#settings;
    const idle = evaluateAlarm(
      { metric: this.#backlogOrSent, isBreaching: isNone, evaluationPeriods, treatMissingData: 'breaching' },
      now,
    );
    if (idle !== undefined) this.#target.scaleIn({ now, cooldownSecs }, minTasks);
  }

  readonly #backlog: MinuteValue = (minute, now) => {
    const visible = this.#metrics.visible.at(minute, now);
    const taken = this.#metrics.taken.at(minute, now);
    return visible === undefined || taken === undefined ? undefined : visible + taken;
  };

  readonly #backlogOrSent: MinuteValue = (minute, now) => {
    const backlog = this.#backlog(minute, now);
    const sent = this.#metrics.sent.at(minute, now);
    return backlog === undefined && sent === undefined ? undefined : (backlog ?? 0) + (sent ?? 0);
  };
}

function isNone(bundles: number): boolean {
  return bundles <= 0;
}
