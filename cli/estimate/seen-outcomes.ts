import type { OutcomeChunk } from '../../lib/inference/bundle.ts';
import { count, emptyTally, type Tally } from '../../lib/inference/tally.ts';
import { linesOf } from '../../lib/formats/parts/read-lines.ts';

/** A failure as in an errors line. */
export interface SeenFailure {
  readonly id: string;
  readonly stage: string;
  readonly error: { readonly name: string; readonly message: string };
}

const SHOWN_PREDICTIONS = 3;
const SHOWN_FAILURES = 3;

/** Collects the counts of outcomes, the first predictions, and the first failure of each name at each stage. */
export class SeenOutcomes {
  readonly tally: Tally = emptyTally();
  readonly predictions: string[] = [];
  readonly #failures = new Map<string, SeenFailure>();

  get failures(): readonly SeenFailure[] {
    return [...this.#failures.values()];
  }

  add(chunk: OutcomeChunk): void {
    count(this.tally, chunk);
    if (this.predictions.length < SHOWN_PREDICTIONS && chunk.succeeded > 0) {
      this.predictions.push(...linesOf(chunk.results).slice(0, SHOWN_PREDICTIONS - this.predictions.length));
    }
    if (this.#failures.size >= SHOWN_FAILURES || chunk.errors.length === 0) return;
    for (const line of linesOf(chunk.errors)) {
      const { id, stage, error } = JSON.parse(line) as SeenFailure;
      const kind = `${stage} ${error.name}`;
      if (!this.#failures.has(kind) && this.#failures.size < SHOWN_FAILURES) {
        this.#failures.set(kind, { id, stage, error });
      }
    }
  }
}
