import type { RedriveSelection } from '../lib/elements/messages.ts';

/** Options that select failures, shared by `fabric failures` and `fabric redrive`. */
export interface SelectOptions {
  readonly stage?: string;
  readonly error?: string;
}

export function selectionOf({ stage, error }: SelectOptions): RedriveSelection {
  return { ...(stage === undefined ? {} : { stage }), ...(error === undefined ? {} : { errorName: error }) };
}
