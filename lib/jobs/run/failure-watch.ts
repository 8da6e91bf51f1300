import type { OutcomeChunk } from '../../inference/bundle.ts';
import { parseErrorsLine } from '../commit/errors-line.ts';
import { messageShape, wideShape } from '../report/message-shape.ts';
import { type FailureLimits, LEAST_OUTCOMES, stopsWhenAllFail } from '../finalizing/failure-limits.ts';

/** Error names that say nothing about the reason, so that their messages have to agree. */
const GENERAL_NAMES: ReadonlySet<string> = new Set(['Error', 'FabricError']);

interface Reason {
  readonly stage: string;
  readonly name: string;
  readonly message: string;
  /** The message without what is the element's own. */
  readonly shape: string;
}

/**
 * Watches the outcomes of a job for a start in which all elements fail for one reason: the same stage and the same error,
 * whose messages may differ by the element. One success, or a second reason, ends the watch.
 */
export class FailureWatch {
  #isOpen: boolean;
  #reason: Reason | undefined;
  #isSameMessage = true;
  #failed = 0;

  constructor(limits: FailureLimits) {
    this.#isOpen = stopsWhenAllFail(limits);
  }

  /** Takes outcomes, in whichever order bundles give them. @returns why the job is to stop, in a sentence, once it is */
  add({ elements, succeeded, failed, errors }: OutcomeChunk): string | undefined {
    if (!this.#isOpen || elements === 0) return undefined;
    if (succeeded > 0 || Object.keys(failed).length > 1) this.#close();
    else for (const line of linesIn(errors)) this.#addFailure(line);
    if (!this.#isOpen || this.#reason === undefined || this.#failed < LEAST_OUTCOMES) return undefined;
    this.#isOpen = false;
    const { stage, name, message } = this.#reason;
    const example = this.#isSameMessage ? '' : ' (the first of them)';
    return `the first ${LEAST_OUTCOMES.toLocaleString('en')} elements all failed at ${stage}: ${name}: ${message}${example}`;
  }

  /** A part that an earlier run committed: one success in it is enough. */
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

function linesIn(bytes: Uint8Array): readonly string[] {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n').filter(Boolean);
}
