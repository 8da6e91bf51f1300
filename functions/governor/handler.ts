import { describeError, FabricError } from '../../lib/errors.ts';
import { inParallel } from '../../lib/jobs/in-parallel.ts';
import { decide } from '../../lib/remote/governor/decide.ts';
import type { MinuteCounts, Observation } from '../../lib/remote/governor/observation.ts';
import { type GovernorState, parseState, serializeState } from '../../lib/remote/governor/state.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { type LambdaClock, lambdaDeadline } from '../lambda-deadline.ts';
import type { GovernedPipeline } from '../settings.ts';
import type { Backlog, CallOptions, GovernorPorts, Poller, WholeMinutes } from './ports.ts';

/** Options of the governor. */
export interface GovernorHandlerOptions extends GovernorPorts {
  readonly pipelines: readonly GovernedPipeline[];
  readonly telemetry: Telemetry;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Handler of the governor, which ignores the event. */
export type GovernorHandler = (event: unknown, context: LambdaClock) => Promise<void>;

const MINUTE_MILLIS = 60_000;
/** Age of the oldest metrics that are read. */
const METRICS_MILLIS = 10 * MINUTE_MILLIS;
/** Maximum delay of metrics after the last work; after it, an idle pipeline needs no metrics. */
const MAX_METRIC_DELAY_MILLIS = 5 * MINUTE_MILLIS;
/** Minimum time between two decisions, as EventBridge can send an event twice. */
const MIN_INTERVAL_MILLIS = 30_000;
/** Maximum age of a count of tasks; the newest counts can be incomplete. */
const MAX_COUNT_AGE_MILLIS = 5 * MINUTE_MILLIS;
/** SSM accepts three writes a second. */
const MAX_PIPELINES_AT_ONCE = 3;

/** State of a pipeline before its metrics, which are billed, are read. */
interface Situation {
  readonly poller: Poller;
  readonly state: GovernorState;
  readonly isFirst: boolean;
  readonly backlog: Backlog;
}

/**
 * Decides once a minute for each pipeline how many invocations of its function, or tasks of its service, can run.
 *
 * The decision is stored in the parameter, and the poller is set to it. Engines divide declared limits by the parameter, so it
 * must never be lower than the number of engines: it is written before the poller is raised, and after the poller is lowered.
 * If a run fails in between, the next run decides again by the same metrics.
 */
export function createGovernorHandler(options: GovernorHandlerOptions): GovernorHandler {
  return async (_event, context) => {
    using deadline = lambdaDeadline(context);
    const failed: string[] = [];
    await inParallel(options.pipelines, MAX_PIPELINES_AT_ONCE, async (pipeline) => {
      try {
        await govern(pipeline, options, deadline);
      } catch (error) {
        failed.push(pipeline.name);
        const fields = { pipeline: pipeline.name, error: describeError(error) };
        options.telemetry.error('could not govern a pipeline', fields);
      }
    });
    if (failed.length === 0) return;
    // An alarm watches the function's errors.
    throw new FabricError('NOT_GOVERNED', `could not govern ${failed.join(', ')}`, { disposition: 'retry' });
  };
}

async function govern(
  pipeline: GovernedPipeline,
  options: GovernorHandlerOptions,
  { signal }: CallOptions,
): Promise<void> {
  const { name, ceiling } = pipeline;
  const { telemetry } = options;
  const now = options.now();
  const situation = await look(pipeline, options, { signal });
  const { poller, state, backlog } = situation;
  if (!poller.isEnabled || isTooSoon(state, now) || isIdle(situation, { now, ceiling })) return;

  const minutes = await options.metrics.minutesOf(pipeline, minutesBefore(now), { signal });
  const observation: Observation = {
    now,
    minutes,
    waiting: backlog.visible + backlog.delayed,
    ...(pipeline.poller.kind === 'service' ? tasks(situation, now, minutes) : processors(situation)),
  };
  const { least } = poller;
  const decision = decide(state, observation, { least, ...(ceiling === undefined ? {} : { ceiling }) });
  const { concurrency, reason } = decision;
  const wasSet = await apply({ pipeline, poller, concurrency, state: decision.state }, options, { signal });
  const { waiting, working } = observation;
  const before = poller.maxConcurrency;
  const { fleet } = decision.state;
  telemetry.info('governed', { pipeline: name, concurrency, before, fleet, reason, waiting, working, wasSet });
}

type Engines = Pick<Observation, 'working' | 'running'>;

/** Returns the number of functions that process bundles. */
function processors({ backlog, poller }: Situation): Engines {
  return { working: backlog.inFlight / poller.batchSize };
}

/** Returns the number of tasks by the latest counts, which can be too high by now; without a count, the maximum. */
function tasks({ backlog, poller }: Situation, now: number, minutes: readonly MinuteCounts[]): Engines {
  const counted = minutes.flatMap(({ at, engines }) => (now - at <= MAX_COUNT_AGE_MILLIS ? (engines ?? []) : []));
  const running = counted.length === 0 ? (poller.maxConcurrency ?? 1) : Math.max(...counted);
  return { working: Math.min(running, backlog.inFlight / poller.batchSize), running };
}

function minutesBefore(now: number): WholeMinutes {
  const end = now - (now % MINUTE_MILLIS);
  return { start: end - METRICS_MILLIS, end };
}

async function look(
  { poller, queue, parameter }: GovernedPipeline,
  { pollers, parameters, backlogOf }: GovernorPorts,
  options: CallOptions,
): Promise<Situation> {
  const [itsPoller, stored, backlog] = await Promise.all([
    pollers.read(poller, options),
    parameters.read(parameter, options),
    backlogOf(queue, options),
  ]);
  return { poller: itsPoller, state: parseState(stored), isFirst: stored === undefined, backlog };
}

function isTooSoon({ runs }: GovernorState, now: number): boolean {
  const last = runs.at(-1);
  return last !== undefined && Math.abs(now - last.at) < MIN_INTERVAL_MILLIS;
}

/** Returns true if the pipeline has been idle for so long that no more metrics will arrive, and its poller is set as decided. */
function isIdle(
  { poller, state, isFirst, backlog }: Situation,
  { now, ceiling = Infinity }: { readonly now: number; readonly ceiling?: number | undefined },
): boolean {
  const { visible, delayed, inFlight } = backlog;
  if (isFirst || visible + delayed + inFlight > 0) return false;
  if (poller.maxConcurrency !== state.concurrency || state.concurrency > ceiling) return false;
  const working = state.runs.findLast((run) => run.working > 0);
  return working === undefined || now - working.at > MAX_METRIC_DELAY_MILLIS;
}

/** A decision for a pipeline, and the poller before it. */
interface Change {
  readonly pipeline: GovernedPipeline;
  readonly poller: Poller;
  readonly concurrency: number;
  readonly state: GovernorState;
}

/** @returns true if the poller is now set as decided */
async function apply(
  { pipeline: { poller: id, parameter }, poller, concurrency, state }: Change,
  { pollers, parameters }: GovernorPorts,
  options: CallOptions,
): Promise<boolean> {
  const write = (): Promise<void> => parameters.write(parameter, serializeState(state), options);
  const set = (): Promise<boolean> => pollers.setMaxConcurrency(id, concurrency, options);
  const { maxConcurrency = Infinity } = poller;
  if (concurrency < maxConcurrency) {
    const wasSet = await set();
    if (wasSet) await write();
    return wasSet;
  }
  await write();
  return concurrency === maxConcurrency || set();
}
