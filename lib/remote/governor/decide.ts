import type { Observation } from './observation.ts';
import { type SettledMinute, settledMinutes } from './settled-minutes.ts';
import { type EngineRate, type GovernorState, rememberRun } from './state.ts';

/** Maximum of Lambda's poller, and of the tasks of a service. */
const MAX_ENGINES = 1000;
/** Engines that were allowed within this time may still run, whatever the counts of messages and tasks say: these are late. */
const RECENT_MILLIS = 3 * 60_000;

/** Share of throttled requests that shows, if it lasts, that there are too many engines. Learned paces cause 0.5 to 1.7 %. */
const TOO_MANY_THROTTLED_SHARE = 0.02;
/** Share of throttled requests that shows it in one minute. A falling quota causes less, and for a minute: the paces adapt. */
const FAR_TOO_MANY_THROTTLED_SHARE = 0.1;
/** Share of throttled requests above which the quota is the limit: a pace that stays below its quota is never throttled. */
const AT_QUOTA_THROTTLED_SHARE = 0.002;
/** Throttled requests in a minute; fewer may be chance. */
const MIN_THROTTLED_REQUESTS = 3;
const CUT_RATIO = 0.5;
/** Minutes at the quota, with no more engines than now, before the number is reduced. */
const STEADY_MINUTES = 3;
/** Smallest remainder of one reduction: an engine's part of the quota is unused until the others have learned to use it. */
const TRIM_RATIO = 0.75;
/**
 * Engines for each engine that the quota needs. A quota that doubles is used at once. The rest makes up for engines whose
 * paces are slow by chance; these take longer for their bundles, so they are the ones that remain after a reduction.
 */
const HEADROOM_RATIO = 2;
/** Share of the engines that remains at most after a reduction: a smaller reduction saves too little. */
const MAX_TRIMMED_SHARE = 0.9;
/** Average number of requests that an engine holds back, from which its pace or a declared limit is what limits it. */
const MIN_HELD_BACK_REQUESTS = 0.5;
/** Share of its full rate at which an engine is not limited by its pace, although it holds a few requests back. */
const FREE_RATE_SHARE = 0.6;
const GROWTH_RATIO = 1.5;
/** Maximum ratio of the new number of engines to the number that the newest metrics are from. */
const MAX_LEAD_RATIO = 2;
/**
 * Time after which a known engine rate is tested with fewer engines. Elements, models and endpoints change, and the change
 * does not show while the quota is the limit.
 */
const RATE_LIFETIME_MILLIS = 60 * 60_000;
/** Share of the allowed engines that are running, from which the governor is what limits their number. */
const MIN_SHARE_IN_USE = 0.8;

export interface GovernorLimits {
  /** Minimum number of engines: two for Lambda's poller. @default 1 */
  readonly least?: number;
  /** Maximum number of engines that the user allows. @default 1000 */
  readonly ceiling?: number;
}

export interface Decision {
  /** Maximum number of engines that run at once. */
  readonly concurrency: number;
  /** State to store and to pass to the next run. */
  readonly state: GovernorState;
  /** Reason for the log. */
  readonly reason: string;
}

/**
 * Decides how many engines can run at once, so that together they use what the endpoint accepts, and few of them are
 * paid for waiting. Call it once a minute.
 *
 * Each engine paces itself; the governor sets their number. Metrics are two to three minutes old. So the metrics of a
 * minute are attributed to the engines that ran in it, and a step starts from that number and not from the current one:
 * throttling that is seen again while a step takes effect does not cause another step. The number of engines goes
 *
 * - down to half of the engines of a minute if more than 2 % of their requests were throttled in two minutes in a row, or
 *   more than 10 % in one;
 * - down by a quarter, but not below twice the engines that the quota needs, if less throttling lasts: the quota is used;
 * - up by a half, but not above twice the engines of a minute in which nothing held them back, if more messages wait.
 *
 * Otherwise, and without requests, the number stays the same. Both directions are multiplicative, unlike those of AIMD
 * (Chiu and Jain, 1989): fairness is the task of the engines' paces, and one engine a minute is too slow.
 */
export function decide(state: GovernorState, observation: Observation, limits: GovernorLimits = {}): Decision {
  const { least = 1, ceiling = MAX_ENGINES } = limits;
  const { now, working } = observation;
  const minutes = settledMinutes(state, observation);
  const engineRate = learnEngineRate(state.engineRate, minutes[0], observation);
  const { engines, reason } = nextStep({ ...state, engineRate }, observation, minutes);
  const concurrency = Math.min(ceiling, Math.max(least, Math.round(engines)));
  return {
    concurrency,
    state: rememberRun(
      { ...state, engineRate, fleet: fleetOf(concurrency, state, observation) },
      { at: now, concurrency, working },
    ),
    reason,
  };
}

/** Counts engines that are over the limit, too. They finish their bundles first, so they still use declared limits. */
function fleetOf(
  concurrency: number,
  { runs }: GovernorState,
  { now, working, running = working }: Observation,
): number {
  const lately = runs.filter(({ at }) => Math.abs(now - at) <= RECENT_MILLIS).map((run) => run.concurrency);
  return Math.max(concurrency, Math.ceil(running), ...lately);
}

interface Step {
  readonly engines: number;
  readonly reason: string;
}

function nextStep(state: GovernorState, observation: Observation, minutes: readonly SettledMinute[]): Step {
  const { concurrency } = state;
  const stay = (reason: string): Step => ({ engines: concurrency, reason });
  const [minute, before] = minutes;
  if (minute === undefined) return stay('no requests lately');
  const seen = describe(minute);
  const throttled = throttledShare(minute);
  const lasting = before === undefined ? 0 : Math.min(throttled, throttledShare(before));
  if (lasting > TOO_MANY_THROTTLED_SHARE || throttled > FAR_TOO_MANY_THROTTLED_SHARE) {
    const engines = Math.max(minute.engines * CUT_RATIO, neededEngines(state, observation, [minute]) ?? 0);
    return engines < concurrency ? { engines, reason: `down: ${seen}` } : stay(`down already: ${seen}`);
  }
  if (isAtQuota(minute)) {
    const engines = trimmed(state, observation, minutes);
    return engines < concurrency * MAX_TRIMMED_SHARE
      ? { engines, reason: `fewer will do: ${seen}` }
      : stay(`at the quota: ${seen}`);
  }
  if (isHeldBack(minute, state.engineRate)) return stay(`requests wait for their turn: ${seen}`);
  return grown(concurrency, observation, minute);
}

/** Returns the number of engines that is enough, or a step towards it. */
function trimmed(state: GovernorState, observation: Observation, minutes: readonly SettledMinute[]): number {
  const { concurrency } = state;
  const steady = minutes.slice(0, STEADY_MINUTES);
  if (steady.length < STEADY_MINUTES) return concurrency;
  if (!steady.every((minute) => isAtQuota(minute) && minute.engines <= concurrency)) return concurrency;
  return Math.max(concurrency * TRIM_RATIO, neededEngines(state, observation, steady) ?? 0);
}

function grown(concurrency: number, { waiting, working }: Observation, minute: SettledMinute): Step {
  const seen = describe(minute);
  const stay = (reason: string): Step => ({ engines: concurrency, reason });
  if (waiting === 0) return stay(`no backlog: ${seen}`);
  if (working < concurrency * MIN_SHARE_IN_USE) return stay(`not all engines are running yet: ${seen}`);
  const engines = Math.min(concurrency * GROWTH_RATIO, minute.engines * MAX_LEAD_RATIO, working + waiting);
  return engines > concurrency ? { engines, reason: `up: ${seen}` } : stay(`up already: ${seen}`);
}

/** Returns undefined if the rate of an engine is unknown or outdated. */
function neededEngines(
  { engineRate }: GovernorState,
  { now }: Observation,
  minutes: readonly SettledMinute[],
): number | undefined {
  if (engineRate === undefined || Math.abs(now - engineRate.at) > RATE_LIFETIME_MILLIS) return undefined;
  const accepted = Math.max(...minutes.map((minute) => minute.accepted / 60));
  return (HEADROOM_RATIO * accepted) / engineRate.perSec;
}

/** Updates the rate of an engine that nothing else limits. At the quota, the rate is at least the one that was seen. */
function learnEngineRate(
  known: EngineRate | undefined,
  minute: SettledMinute | undefined,
  { now, waiting }: Observation,
): EngineRate | undefined {
  if (minute === undefined || minute.accepted === 0) return known;
  const perSec = ratePerSec(minute);
  if (!isAtQuota(minute) && !isHeldBack(minute, known) && waiting > 0) return { perSec, at: now };
  return known === undefined || perSec <= known.perSec ? known : { ...known, perSec };
}

function throttledShare({ accepted, throttled }: SettledMinute): number {
  return throttled / (accepted + throttled);
}

function isAtQuota(minute: SettledMinute): boolean {
  return minute.throttled >= MIN_THROTTLED_REQUESTS && throttledShare(minute) >= AT_QUOTA_THROTTLED_SHARE;
}

function isHeldBack(minute: SettledMinute, engineRate: EngineRate | undefined): boolean {
  if (minute.waitedMillis / 60_000 / minute.engines < MIN_HELD_BACK_REQUESTS) return false;
  return engineRate === undefined || ratePerSec(minute) < engineRate.perSec * FREE_RATE_SHARE;
}

/** Requests a second that one engine got through. */
function ratePerSec({ accepted, engines }: SettledMinute): number {
  return accepted / 60 / engines;
}

function describe(minute: SettledMinute): string {
  const perSec = (minute.accepted / 60).toFixed(1);
  const percent = (throttledShare(minute) * 100).toFixed(1);
  return `${minute.engines} engines had ${perSec} requests a second accepted and ${percent} % throttled`;
}
