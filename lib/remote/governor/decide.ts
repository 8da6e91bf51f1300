import type { Observation } from './observation.ts';
import { type SettledMinute, settledMinutes } from './settled-minutes.ts';
import { type EngineRate, type GovernorState, rememberRun } from './state.ts';

/** The least `MaximumConcurrency` that Lambda's poller takes. */
const LEAST_POLLER_CONCURRENCY = 2;
/** The most. */
const MOST_POLLER_CONCURRENCY = 1000;

/** Throttled requests, as a share of all, above which there are too many engines. A learned pace makes 0.5 to 1 %. */
const TOO_MANY_THROTTLED = 0.015;
/** Above this the quota is what limits: a pace that never meets it is never throttled. */
const AT_QUOTA_THROTTLED = 0.002;
/** In a minute; fewer may be chance. */
const FEWEST_THROTTLED = 3;
/** Requests that an engine holds back at any time, on average, above which its pace or a declared limit is what limits. */
const HELD_BACK = 0.5;
/** Engines to have for each that the quota needs: a quota that rises a little is used at once. */
const HEADROOM = 1.25;
const DOWN = 0.5;
/** A step down towards what the quota needs, while that is not known. */
const TRIM = 0.85;
const UP = 1.5;
/** Growth may be ahead by so much of the engines that the newest metrics are of. */
const AHEAD = 2;
/** What an engine can do is measured anew after so long. */
const RATE_KEPT_MILLIS = 60 * 60_000;
/** A share of the engines that are allowed, above which it is the governor that limits their number. */
const IN_USE = 0.8;
/** What the quota needs is looked for only where it saves this much. */
const WORTH_TRIMMING = 0.9;

export interface GovernorLimits {
  /** @default 2, the least that Lambda's poller takes; a service of tasks may have 1 */
  readonly floor?: number;
  /** `compute.maxConcurrency`. @default 1000, the most that Lambda's poller takes */
  readonly ceiling?: number;
}

export interface Decision {
  /** The poller's `MaximumConcurrency`: the most engines that may be at work at once. */
  readonly concurrency: number;
  /** The most tasks of a GPU service. A task is one engine, so it is the same number, by limits of its own. */
  readonly tasks: number;
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
 * - down to half of the engines that were throttled on more than 1.5 % of their requests;
 * - down to a quarter more than the quota needs, where less throttling shows that requests are at the quota;
 * - up by a half, to at most twice the engines that were seen to be held back by nothing, where more messages wait.
 *
 * Otherwise, and where nothing is asked, it stays where it is. Both ways are multiplicative, unlike AIMD's (Chiu and
 * Jain, 1989), since it is the engines' paces that have to be fair to each other, and one engine a minute is too slow.
 */
export function decide(state: GovernorState, observation: Observation, limits: GovernorLimits = {}): Decision {
  const { floor = LEAST_POLLER_CONCURRENCY, ceiling = MOST_POLLER_CONCURRENCY } = limits;
  const { now, working } = observation;
  const minutes = settledMinutes(state, observation);
  const engineRate = learnEngineRate(state.engineRate, minutes[0], observation);
  const { engines, reason } = nextStep({ ...state, engineRate }, observation, minutes);
  const concurrency = Math.min(ceiling, Math.max(floor, Math.ceil(engines)));
  return {
    concurrency,
    tasks: concurrency,
    state: rememberRun({ ...state, engineRate }, { at: now, concurrency, working }),
    reason,
  };
}

interface Step {
  readonly engines: number;
  readonly reason: string;
}

function nextStep(state: GovernorState, observation: Observation, minutes: readonly SettledMinute[]): Step {
  const { concurrency } = state;
  const [minute, before] = minutes;
  if (minute === undefined) return { engines: concurrency, reason: 'nothing was asked lately' };
  const seen = describe(minute);
  if (throttledShare(minute) > TOO_MANY_THROTTLED) {
    const engines = Math.max(minute.engines * DOWN, neededEngines(state, minutes) ?? 0);
    if (engines < concurrency) return { engines, reason: `down: ${seen}` };
    return { engines: concurrency, reason: `down already, or no fewer would do: ${seen}` };
  }
  if (isAtQuota(minute)) {
    const isSteady =
      before !== undefined && isAtQuota(before) && Math.max(minute.engines, before.engines) <= concurrency;
    const engines = neededEngines(state, minutes) ?? minute.engines * TRIM;
    if (isSteady && engines < concurrency * WORTH_TRIMMING) return { engines, reason: `fewer are enough: ${seen}` };
    return { engines: concurrency, reason: `at the quota: ${seen}` };
  }
  if (isHeldBack(minute)) return { engines: concurrency, reason: `requests wait for their turn: ${seen}` };
  return grown(concurrency, observation, minute);
}

function grown(concurrency: number, { waiting, working }: Observation, minute: SettledMinute): Step {
  const seen = describe(minute);
  if (waiting === 0) return { engines: concurrency, reason: `no backlog: ${seen}` };
  if (working < concurrency * IN_USE) return { engines: concurrency, reason: `not all are at work yet: ${seen}` };
  const engines = Math.min(concurrency * UP, minute.engines * AHEAD, working + waiting);
  if (engines <= concurrency) return { engines: concurrency, reason: `up already: ${seen}` };
  return { engines, reason: `up: ${seen}` };
}

/** Undefined while it is not known what an engine can do. */
function neededEngines({ engineRate }: GovernorState, minutes: readonly SettledMinute[]): number | undefined {
  if (engineRate === undefined) return undefined;
  const accepted = Math.max(...minutes.slice(0, 2).map((minute) => minute.accepted / 60));
  return (HEADROOM * accepted) / engineRate.perSec;
}

/**
 * What an engine gets through when nothing but itself limits it. Where the quota does, it is that much at least. Forgotten
 * after a while: elements, models and endpoints change, and an engine that could do more is not seen to.
 */
function learnEngineRate(
  known: EngineRate | undefined,
  minute: SettledMinute | undefined,
  { now, waiting }: Observation,
) {
  const kept = known !== undefined && now - known.at < RATE_KEPT_MILLIS ? known : undefined;
  if (minute === undefined || minute.accepted === 0) return kept;
  const perSec = minute.accepted / 60 / minute.engines;
  if (isAtQuota(minute) || isHeldBack(minute) || waiting === 0) {
    return kept === undefined || perSec <= kept.perSec ? kept : { ...kept, perSec };
  }
  return { perSec, at: now };
}

function throttledShare({ accepted, throttled }: SettledMinute): number {
  return throttled / (accepted + throttled);
}

function isAtQuota(minute: SettledMinute): boolean {
  return minute.throttled >= FEWEST_THROTTLED && throttledShare(minute) >= AT_QUOTA_THROTTLED;
}

function isHeldBack({ waitedMillis, engines }: SettledMinute): boolean {
  return waitedMillis / 60_000 / engines >= HELD_BACK;
}

function describe(minute: SettledMinute): string {
  const perSec = (minute.accepted / 60).toFixed(1);
  const percent = (throttledShare(minute) * 100).toFixed(1);
  return `${minute.engines} engines had ${perSec} requests a second accepted and ${percent} % throttled`;
}
