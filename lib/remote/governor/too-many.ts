import type { GovernorState } from './state.ts';

/** What is older says nothing of now: the governor runs once a minute, while there is work. */
const RECENT_MILLIS = 3 * 60_000;

/** Whether the governor saw more engines at work lately than it allows. */
export function areTooMany({ concurrency, runs }: Pick<GovernorState, 'concurrency' | 'runs'>, now: number): boolean {
  const last = runs.at(-1);
  return last !== undefined && Math.abs(now - last.at) <= RECENT_MILLIS && last.working > concurrency;
}
