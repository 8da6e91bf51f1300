import { describeError, FabricError } from '../../lib/errors.ts';
import { inParallel } from '../../lib/jobs/in-parallel.ts';
import { decide } from '../../lib/remote/governor/decide.ts';
import type { MinuteCounts, Observation } from '../../lib/remote/governor/observation.ts';
import { type GovernorState, parseState, serializeState } from '../../lib/remote/governor/state.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { type LambdaClock, lambdaDeadline } from '../lambda-deadline.ts';
import type { GovernedPipeline } from '../settings.ts';
import type { Backlog, CallOptions, GovernorPorts, Poller, WholeMinutes } from './ports.ts';

export interface GovernorHandlerOptions extends GovernorPorts {
  readonly pipelines: readonly GovernedPipeline[];
  readonly telemetry: Telemetry;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export type GovernorHandler = (event: unknown, context: LambdaClock) => Promise<void>;

const MINUTE_MILLIS = 60_000;
/** How far back metrics are looked at. */
const LOOK_BACK_MILLIS = 10 * MINUTE_MILLIS;
/** Metrics of the last work may come so much later; after that, a queue without work need not be looked at closely. */
const REST_MILLIS = 5 * MINUTE_MILLIS;
/** EventBridge may send an event twice: what was decided so lately is not decided again. A run of the future is none. */
const TOO_SOON_MILLIS = 30_000;
/** How old a count of tasks may be: the newest ones may lack some of them. */
const COUNTED_MILLIS = 5 * MINUTE_MILLIS;
/** SSM takes three writes a second. */
const AT_ONCE = 3;

/** What is known of a pipeline before metrics, which are paid for, are asked for. */
interface Situation {
  readonly poller: Poller;
  readonly state: GovernorState;
  readonly isFirst: boolean;
  readonly backlog: Backlog;
}

/**
 * Decides for each pipeline how many runs of its function, or tasks of its service, there may be, once a minute.
 *
 * The parameter keeps what was decided, and the poller follows it; engines share declared limits by it. So that it is
 * never less than there are, it is written before the poller gets more, and after the poller gets less. What fails halfway
 * is mended by the next run, which decides by the same metrics.
 */
export function createGovernorHandler(options: GovernorHandlerOptions): GovernorHandler {
  return async (_event, context) => {
    using deadline = lambdaDeadline(context);
    const failed: string[] = [];
    await inParallel(options.pipelines, AT_ONCE, async (pipeline) => {
      try {
        await govern(pipeline, options, deadline);
      } catch (error) {
        failed.push(pipeline.name);
        const fields = { pipeline: pipeline.name, error: describeError(error) };
        options.telemetry.error('a pipeline could not be governed', fields);
      }
    });
    if (failed.length === 0) return;
    // The function's own count of errors is what an alarm watches.
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
  if (!poller.isEnabled || isTooSoon(state, now) || isAtRest(situation, { now, ceiling })) return;

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
  const wasSet = await apply(pipeline, { poller, concurrency, state: decision.state }, options, { signal });
  const { waiting, working } = observation;
  const before = poller.maxConcurrency;
  const { fleet } = decision.state;
  telemetry.info('governed', { pipeline: name, concurrency, before, fleet, reason, waiting, working, wasSet });
}

type Engines = Pick<Observation, 'working' | 'running'>;

/** Those that are there are at work. */
function processors({ backlog, poller }: Situation): Engines {
  return { working: backlog.inFlight / poller.batchSize };
}

/** As many as were running lately, though they may be fewer by now. Where none were counted they are as many as may be. */
function tasks({ backlog, poller }: Situation, now: number, minutes: readonly MinuteCounts[]): Engines {
  const counted = minutes.flatMap(({ at, engines }) => (now - at <= COUNTED_MILLIS ? (engines ?? []) : []));
  const running = counted.length === 0 ? (poller.maxConcurrency ?? 1) : Math.max(...counted);
  return { working: Math.min(running, backlog.inFlight / poller.batchSize), running };
}

function minutesBefore(now: number): WholeMinutes {
  const end = now - (now % MINUTE_MILLIS);
  return { start: end - LOOK_BACK_MILLIS, end };
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
  return last !== undefined && Math.abs(now - last.at) < TOO_SOON_MILLIS;
}

/** Nothing is to be done and nothing was, for so long that there are no more metrics to come; and the poller is as it should. */
function isAtRest(
  { poller, state, isFirst, backlog }: Situation,
  { now, ceiling = Infinity }: { readonly now: number; readonly ceiling?: number | undefined },
): boolean {
  const { visible, delayed, inFlight } = backlog;
  if (isFirst || visible + delayed + inFlight > 0) return false;
  if (poller.maxConcurrency !== state.concurrency || state.concurrency > ceiling) return false;
  const working = state.runs.findLast((run) => run.working > 0);
  return working === undefined || now - working.at > REST_MILLIS;
}

interface Change {
  readonly poller: Poller;
  readonly concurrency: number;
  readonly state: GovernorState;
}

/** @returns whether the poller has what was decided now. */
async function apply(
  { poller: id, parameter }: GovernedPipeline,
  { poller, concurrency, state }: Change,
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
