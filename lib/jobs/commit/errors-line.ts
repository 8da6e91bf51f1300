import type { RedriveSelection } from '../../elements/messages.ts';
import { type ErrorDescription, FabricError } from '../../errors.ts';

/** Outcome of a failed element: a line of an errors part. */
export interface ErrorsLine {
  readonly id: string;
  readonly key?: string;
  readonly stage: string;
  readonly error: ErrorDescription;
  readonly attempts: number;
  /** The element; the raw text of one that could not be parsed. */
  readonly input?: unknown;
  /** Where it came from; `ordinal` is its place in its bundle. */
  readonly source: Readonly<Record<string, unknown>>;
}

/** An errors line that does not say which element of its bundle it is about. */
export class UnplacedFailureError extends FabricError {
  constructor(id: string) {
    super(
      'UNPLACED_FAILURE',
      `the failure of '${id}' can't be redriven: its line has no 'source.ordinal'; only a job that was run by the deployed fabric can be redriven`,
    );
  }
}

export function parseErrorsLine(text: string): ErrorsLine {
  // The fabric's own line.
  return JSON.parse(text) as ErrorsLine;
}

/** The element's place in its bundle. @throws UnplacedFailureError */
export function ordinalOf({ id, source }: ErrorsLine): number {
  const { ordinal } = source;
  if (typeof ordinal === 'number') return ordinal;
  throw new UnplacedFailureError(id);
}

/** True if a failure is selected: without a stage, one of any stage; without a name, of any name. */
export function isSelected({ stage, error }: ErrorsLine, select: RedriveSelection): boolean {
  return (
    (select.stage === undefined || select.stage === stage) &&
    (select.errorName === undefined || select.errorName === error.name)
  );
}
