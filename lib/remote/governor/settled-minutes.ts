import type { MinuteCounts, Observation } from './observation.ts';
import type { GovernorState } from './state.ts';

const MINUTE = 60_000;
/** CloudWatch has all of a minute so long after its end; what it has of younger ones may be a part. */
const LAG_MILLIS = 2 * MINUTE;
/** What is older says nothing of now: nothing has been asked since. */
const STALE_MILLIS = 5 * MINUTE;
/** Runs that begin or end a minute may be off by so much. */
const RUN_SLACK_MILLIS = MINUTE / 2;

/** A minute whose metrics are complete, and by how many engines it was made. */
export interface SettledMinute extends MinuteCounts {
  readonly engines: number;
}

/** The minutes that can be judged, newest first. None where nothing was asked lately. */
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
 * The engines that were at work in a minute: of the runs at its beginning and its end the larger number. Not what was set
 * then: an engine that is too many finishes its bundle first.
 */
function enginesIn({ runs, concurrency }: GovernorState, minute: number): number {
  const from = minute - RUN_SLACK_MILLIS;
  const to = minute + MINUTE + RUN_SLACK_MILLIS;
  const near = runs.filter(({ at }) => from <= at && at <= to);
  const working = Math.max(0, ...near.map((run) => run.working));
  if (working > 0) return Math.ceil(working);
  return runs.findLast(({ at }) => at <= minute)?.concurrency ?? concurrency;
}
