import type { Observation } from './observation.ts';
import { type SettledMinute, settledMinutes } from './settled-minutes.ts';
import { type EngineRate, type GovernorState, rememberRun } from './state.ts';

/** The most that Lambda's poller takes; a service has no more tasks either. */
const MAX_ENGINES = 1000;
/** What was allowed so lately may still be there, whatever was counted: counts of messages and tasks are late. */
const RECENT_MILLIS = 3 * 60_000;

/** A share of throttled requests that lasts where there are too many engines. Learned paces make 0.5 to 1.7 %. */
const TOO_MANY_THROTTLED_SHARE = 0.02;
/** At once too many. A quota that falls makes less than this, and for a minute: the paces follow it. */
const FAR_TOO_MANY_THROTTLED_SHARE = 0.1;
/** Above this the quota is what limits: a pace that never meets it is never throttled. */
const AT_QUOTA_THROTTLED_SHARE = 0.002;
/** In a minute; fewer may be chance. */
const MIN_THROTTLED_REQUESTS = 3;
const CUT_RATIO = 0.5;
/** Minutes at the quota, with no more engines than now, before some are taken away. */
const STEADY_MINUTES = 3;
/** The most that is taken away then: what an engine had of the quota is lost until the others have learned to use it. */
const TRIM_RATIO = 0.75;
/**
 * Engines to have for each that the quota needs. A quota that doubles is used at once; and engines whose paces are slow by
 * bad luck, which are those that stay when some are taken away, are made up for.
 */
const HEADROOM_RATIO = 2;
/** Fewer are not worth a change where they save less. */
const MAX_TRIMMED_SHARE = 0.9;
/** Requests that an engine holds back at any time, on average, above which its pace or a declared limit is what limits. */
const MIN_HELD_BACK_REQUESTS = 0.5;
/** Unless it gets through this share of what it can do: then a few are held back, and not all. */
const FREE_RATE_SHARE = 0.6;
const GROWTH_RATIO = 1.5;
/** Growth may be ahead by so much of the engines that the newest metrics are of. */
const MAX_LEAD_RATIO = 2;
/**
 * After so long it is tried with fewer engines whether one can do more than it did: elements, models and endpoints change,
 * and at the quota nobody sees that.
 */
const RATE_LIFETIME_MILLIS = 60 * 60_000;
/** A share of the engines that are allowed, above which it is the governor that limits their number. */
const MIN_SHARE_IN_USE = 0.8;

export interface GovernorLimits {
  /** The fewest engines that can be set: two for Lambda's poller. @default 1 */
  readonly least?: number;
  /** The most engines that the user wants. @default 1000 */
  readonly ceiling?: number;
}

export interface Decision {
  /** The most engines that there may be at once. */
  readonly concurrency: number;
  /** To be stored, and given to the next run. */
  readonly state: GovernorState;
  /** Why, in words, for the log. */
  readonly reason: string;
}

/**
 * Decides how many engines may be at work, so that together they use what the endpoint accepts, and few are paid for
 * waiting. To be called once a minute.
 *
 * Each engine paces itself; the governor sees to their number. Metrics are two to three minutes old, so a minute is laid to
 * the engines that were at work in it, and a step starts from those and not from the present number: the same throttling
 * that is seen again, while a step takes effect, asks for nothing more. It goes
 *
 * - down to half of the engines that were throttled on more than 2 % of their requests, two minutes long, or on 10 %;
 * - down by a quarter, to twice the engines that the quota needs, where lasting throttling of less shows that it is used;
 * - up by a half, to at most twice the engines that were seen to be held back by nothing, where more messages wait.
 *
 * Otherwise, and where nothing is asked, it stays where it is. Both ways are multiplicative, unlike AIMD's (Chiu and
 * Jain, 1989), since it is the engines' paces that have to be fair to each other, and one engine a minute is too slow.
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

/** An engine that is too many finishes its bundle first: a share of a declared limit that forgot it would be too large. */
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
  if (minute === undefined) return stay('nothing was asked lately');
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

/** The engines that are enough, or a step towards them. */
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
  if (working < concurrency * MIN_SHARE_IN_USE) return stay(`not all are at work yet: ${seen}`);
  const engines = Math.min(concurrency * GROWTH_RATIO, minute.engines * MAX_LEAD_RATIO, working + waiting);
  return engines > concurrency ? { engines, reason: `up: ${seen}` } : stay(`up already: ${seen}`);
}

/** Undefined while it is not known what an engine can do, or not any more. */
function neededEngines(
  { engineRate }: GovernorState,
  { now }: Observation,
  minutes: readonly SettledMinute[],
): number | undefined {
  if (engineRate === undefined || Math.abs(now - engineRate.at) > RATE_LIFETIME_MILLIS) return undefined;
  const accepted = Math.max(...minutes.map((minute) => minute.accepted / 60));
  return (HEADROOM_RATIO * accepted) / engineRate.perSec;
}

/** What an engine gets through when nothing but itself limits it. Where the quota does, it is that much at least. */
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
