import type { OutcomeChunk } from '../../inference/bundle.ts';
import { parseErrorsLine } from '../commit/errors-line.ts';
import { linesOf } from '../../formats/parts/read-lines.ts';
import { messageShape, wideShape } from '../report/message-shape.ts';
import { type FailureLimits, LEAST_OUTCOMES, stopsWhenAllFail } from '../failure-limits.ts';

/** Error names that do not identify a reason, so that the messages are compared too. */
const GENERAL_NAMES: ReadonlySet<string> = new Set(['Error', 'FabricError']);

interface Reason {
  readonly stage: string;
  readonly name: string;
  readonly message: string;
  /** Message without the values of its element. */
  readonly shape: string;
}

/**
 * Detects that all elements at the start of a job fail for one reason: the same stage and the same error, whose
 * messages may differ by the element. One success, or a second reason, ends the watch.
 */
export class FailureWatch {
  #isOpen: boolean;
  #reason: Reason | undefined;
  #isSameMessage = true;
  #failed = 0;

  constructor(limits: FailureLimits) {
    this.#isOpen = stopsWhenAllFail(limits);
  }

  /** Adds outcomes, in any order. @returns a sentence on why the job must stop, as soon as it must */
  add({ elements, succeeded, failed, errors }: OutcomeChunk): string | undefined {
    if (!this.#isOpen || elements === 0) return undefined;
    if (succeeded > 0 || Object.keys(failed).length > 1) this.#close();
    else for (const line of linesOf(errors)) this.#addFailure(line);
    if (!this.#isOpen || this.#reason === undefined || this.#failed < LEAST_OUTCOMES) return undefined;
    this.#isOpen = false;
    const { stage, name, message } = this.#reason;
    const example = this.#isSameMessage ? '' : ' (the first of them)';
    return `the first ${LEAST_OUTCOMES.toLocaleString('en')} elements all failed at ${stage}: ${name}: ${message}${example}`;
  }

  /** Adds a part that an earlier run committed: one success in it ends the watch. */
  addPart({ succeeded }: { readonly succeeded: number }): void {
    if (succeeded > 0) this.#close();
  }

  #addFailure(line: string): void {
    if (!this.#isOpen || this.#failed >= LEAST_OUTCOMES) return;
    const reason = reasonOf(line);
    this.#reason ??= reason;
    if (!isSameReason(this.#reason, reason)) return this.#close();
    this.#isSameMessage &&= reason.message === this.#reason.message;
    this.#failed += 1;
  }

  #close(): void {
    this.#isOpen = false;
  }
}

function reasonOf(line: string): Reason {
  const { stage, error } = parseErrorsLine(line);
  return { stage, name: error.name, message: error.message, shape: wideShape(messageShape(error.message)) };
}

function isSameReason(one: Reason, other: Reason): boolean {
  if (one.stage !== other.stage || one.name !== other.name) return false;
  return !GENERAL_NAMES.has(one.name) || one.shape === other.shape;
}
