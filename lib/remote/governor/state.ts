import { z } from 'zod';

/** Concurrency of a new pipeline: low, so that a small quota is not exceeded. */
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

/** One run of the governor: the concurrency that it set, and the number of busy engines at that time. */
export interface GovernorRun {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly concurrency: number;
  readonly working: number;
}

/** Rate of one engine that nothing else limits, and the time at which it was seen. */
export interface EngineRate {
  readonly perSec: number;
  readonly at: number;
}

/** State of the governor between its runs, from which processors read the fleet's size. Plain JSON of about 1 KB. */
export interface GovernorState {
  readonly version: 1;
  /** The concurrency that was set last. */
  readonly concurrency: number;
  /** Maximum number of engines until the next run, which share the declared limits. @default `concurrency` */
  readonly fleet?: number | undefined;
  /** Undefined if it was not seen lately. */
  readonly engineRate?: EngineRate | undefined;
  /** Oldest first. */
  readonly runs: readonly GovernorRun[];
}

export const FIRST_STATE: GovernorState = { version: 1, concurrency: FIRST_CONCURRENCY, runs: [] };

/** Returns the state with one more run, without those that are too old to matter. */
export function rememberRun(state: GovernorState, { at, concurrency, working }: GovernorRun): GovernorState {
  return { ...state, concurrency, runs: [...state.runs, { at, concurrency, working }].slice(-REMEMBERED_RUNS) };
}

export function serializeState(state: GovernorState): string {
  return JSON.stringify(state);
}

/** Parses a stored state. Without a valid one the governor starts from the first state, and learns again. */
export function parseState(text: string | undefined): GovernorState {
  if (text === undefined) return FIRST_STATE;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return FIRST_STATE;
  }
}
