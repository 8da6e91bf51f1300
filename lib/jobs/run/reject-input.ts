import { codeOf } from '../../stores/system-errors.ts';
import { headOf } from '../output-layout.ts';
import { explanation, explanationKey } from '../rejections.ts';
import type { RunInput } from './run-input.ts';
import type { RunOutput } from './run-output.ts';

/** An input that could not be run, while others were. */
export interface RejectedInput {
  /** Its path, or its URI. */
  readonly input: string;
  readonly reason: string;
}

/** The inputs that were found to be none before anything was read. */
export function rejectedAmong(inputs: readonly RunInput[]): readonly RejectedInput[] {
  const rejected = inputs.filter(({ kind }) => kind === 'rejected');
  return rejected.map(({ uri, failure }) => ({ input: uri, reason: failure?.message ?? UNKNOWN_REASON }));
}

/** A rejected input always has its reason. */
export const UNKNOWN_REASON = 'it is not an input';

interface RejectionPlace {
  readonly output: RunOutput;
  readonly pipelineName: string;
}

/** Explains among the results why an input makes no job, as the deployed fabric does: `_rejected/<pipeline>/<name>.json`. */
export async function rejectInput(input: RunInput, reason: string, place: RejectionPlace): Promise<void> {
  const { versionId } = input;
  const { output } = place;
  const key = keyOf(input, place);
  const path = explanationKey(key);
  const text = explanation({ key, versionId }, reason, Date.now());
  try {
    if ((await output.ownAt(path, headOf(text) ?? text)) !== 'foreign') await output.answer(path, text);
  } catch (error) {
    // The path of an explanation is about as long as that of the results. The summary has the reason.
    if (codeOf(error) !== 'ENAMETOOLONG') throw error;
  }
}

/** Removes what an earlier run explained of an input that is accepted now. */
export async function acceptInput(input: RunInput, place: RejectionPlace): Promise<void> {
  const { output } = place;
  const key = keyOf(input, place);
  const path = explanationKey(key);
  const head = headOf(explanation({ key }, '', 0)) ?? '';
  if ((await output.ownAt(path, head)) === 'own') await output.remove(path);
}

function keyOf({ name }: RunInput, { pipelineName }: RejectionPlace): string {
  return `${pipelineName}/${name}`;
}
