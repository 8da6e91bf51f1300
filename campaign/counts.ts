import { Violation } from './violation.ts';

/** A broken promise, with what runs it again. */
export interface FoundViolation {
  readonly kind: string;
  /** Arguments that run it again: `--seed 17`. */
  readonly again: string;
  readonly message: string;
}

/** Counts of a campaign or of a share of it: plain data, so that processes can send them. */
export interface Counts {
  /** Simulated or real runs by kind. */
  readonly runs: Record<string, number>;
  /** Faults by kind, such as `put answer-lost`. */
  readonly faults: Record<string, number>;
  /** Processes that were ended by SIGKILL, by program. */
  readonly kills: Record<string, number>;
  /** Elements and their outcomes: `inputs`, `predictions`, `failures`. */
  readonly elements: Record<string, number>;
  readonly violations: FoundViolation[];
}

export function noCounts(): Counts {
  return { runs: {}, faults: {}, kills: {}, elements: {}, violations: [] };
}

export function add(counts: Record<string, number>, name: string, count = 1): void {
  counts[name] = (counts[name] ?? 0) + count;
}

/** Adds the counts of a share to those of the whole. */
export function merge(into: Counts, from: Counts): void {
  for (const field of ['runs', 'faults', 'kills', 'elements'] as const) {
    for (const [name, count] of Object.entries(from[field])) add(into[field], name, count);
  }
  into.violations.push(...from.violations);
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** Notes what ended a run: a broken promise, or an error that no promise foresees. */
export function noteViolation(counts: Counts, again: string, error: unknown): void {
  const kind = error instanceof Violation ? error.kind : 'crash';
  const message =
    error instanceof Violation ? error.message : error instanceof Error ? (error.stack ?? '') : String(error);
  counts.violations.push({ kind, again, message });
}
