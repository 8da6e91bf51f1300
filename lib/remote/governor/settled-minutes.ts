import type { MinuteCounts, Observation } from './observation.ts';
import type { GovernorState } from './state.ts';

const MINUTE = 60_000;
/** Time after the end of a minute until CloudWatch has all of its metrics; those of newer minutes may be incomplete. */
const LAG_MILLIS = 2 * MINUTE;
/** Age from which metrics are outdated: there were no requests since. */
const STALE_MILLIS = 5 * MINUTE;
/** Maximum distance of a governor's run from the start or the end of a minute. */
const RUN_SLACK_MILLIS = MINUTE / 2;

/** A minute whose metrics are complete, with its number of engines. */
export interface SettledMinute extends MinuteCounts {
  readonly engines: number;
}

/** Returns the minutes with complete metrics, newest first; none if there were no requests lately. */
export function settledMinutes(state: GovernorState, { now, minutes }: Observation): readonly SettledMinute[] {
  const settled = minutes
    .filter(({ at, accepted, throttled }) => now - (at + MINUTE) >= LAG_MILLIS && accepted + throttled > 0)
    .toSorted((a, b) => b.at - a.at);
  const newest = settled[0]?.at ?? -Infinity;
  if (now - (newest + MINUTE) > STALE_MILLIS) return [];
  return settled.map(({ at, accepted, throttled, waitedMillis, engines = enginesIn(state, at) }) => {
    return { at, accepted, throttled, waitedMillis, engines };
  });
}

/**
 * Returns the number of engines that were busy in a minute: the larger number of the runs at its start and at its end. It
 * can differ from the number that was set: an engine over the limit finishes its bundle first.
 */
function enginesIn({ runs, concurrency }: GovernorState, minute: number): number {
  const from = minute - RUN_SLACK_MILLIS;
  const to = minute + MINUTE + RUN_SLACK_MILLIS;
  const near = runs.filter(({ at }) => from <= at && at <= to);
  const working = Math.max(0, ...near.map((run) => run.working));
  if (working > 0) return Math.ceil(working);
  return runs.findLast(({ at }) => at <= minute)?.concurrency ?? concurrency;
}
