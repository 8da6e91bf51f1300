import type { GovernorState } from './state.ts';

/** Age from which a run is outdated: the governor runs once a minute while there is work. */
const RECENT_MILLIS = 3 * 60_000;

/** Returns true if the governor's last run, not long ago, saw more busy engines than it allows. */
export function areTooMany({ concurrency, runs }: Pick<GovernorState, 'concurrency' | 'runs'>, now: number): boolean {
  const last = runs.at(-1);
  return last !== undefined && Math.abs(now - last.at) <= RECENT_MILLIS && last.working > concurrency;
}
