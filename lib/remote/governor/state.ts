import { z } from 'zod';

/** Of a pipeline of which nothing is known yet: a quota that is small is not overrun. */
const FIRST_CONCURRENCY = 2;
/** The newest metrics are two to three minutes old, and some minutes before those are judged with them. */
const REMEMBERED_RUNS = 12;

const run = z.object({ at: z.number(), concurrency: z.number().int().positive(), working: z.number().nonnegative() });

const schema = z.object({
  version: z.literal(1),
  concurrency: z.number().int().positive(),
  fleet: z.number().int().positive().optional(),
  engineRate: z.object({ perSec: z.number().positive(), at: z.number() }).optional(),
  runs: z.array(run).max(REMEMBERED_RUNS),
});

/** One run of the governor: what it set, and how many engines were at work then. */
export interface GovernorRun {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly concurrency: number;
  readonly working: number;
}

/** What one engine gets through when nothing but itself limits it, and when that was seen. */
export interface EngineRate {
  readonly perSec: number;
  readonly at: number;
}

/** What the governor keeps between its runs, and what processors read the fleet's size from. Plain JSON of about 1 KB. */
export interface GovernorState {
  readonly version: 1;
  /** The concurrency that was set last. */
  readonly concurrency: number;
  /** The most engines that there may be until the next run, by which they share declared limits. @default `concurrency` */
  readonly fleet?: number | undefined;
  /** Undefined where it was not seen lately. */
  readonly engineRate?: EngineRate | undefined;
  /** Oldest first. */
  readonly runs: readonly GovernorRun[];
}

export const FIRST_STATE: GovernorState = { version: 1, concurrency: FIRST_CONCURRENCY, runs: [] };

/** The state with one more run, without those that are too old to matter. */
export function rememberRun(state: GovernorState, { at, concurrency, working }: GovernorRun): GovernorState {
  return { ...state, concurrency, runs: [...state.runs, { at, concurrency, working }].slice(-REMEMBERED_RUNS) };
}

export function serializeState(state: GovernorState): string {
  return JSON.stringify(state);
}

/** What was stored; what is absent or can't be read is as if nothing had been: the governor learns it again. */
export function parseState(text: string | undefined): GovernorState {
  if (text === undefined) return FIRST_STATE;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return FIRST_STATE;
  }
}
