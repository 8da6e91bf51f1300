import { codeOf } from '../../stores/system-errors.ts';
import { headOf } from '../output-layout.ts';
import { explanation, explanationKey } from '../rejections.ts';
import type { RunInput } from './run-input.ts';
import type { RunOutput } from './run-output.ts';

/** An input that could not be run, while others were. */
export interface RejectedInput {
  /** Path or URI of the input. */
  readonly input: string;
  readonly reason: string;
}

/** Returns the inputs that were rejected before anything was read. */
export function rejectedAmong(inputs: readonly RunInput[]): readonly RejectedInput[] {
  const rejected = inputs.filter((input) => input.kind === 'rejected');
  return rejected.map(({ uri, failure }) => ({ input: uri, reason: failure.message }));
}

interface RejectionPlace {
  readonly output: RunOutput;
  readonly pipelineName: string;
}

/** Writes why an input makes no job to `_rejected/<pipeline>/<name>.json`, as the deployed fabric does. */
export async function rejectInput(input: RunInput, reason: string, place: RejectionPlace): Promise<void> {
  const { versionId } = input;
  const { output } = place;
  const key = keyOf(input, place);
  const path = explanationKey(key);
  const text = explanation({ key, versionId }, reason, Date.now());
  try {
    if ((await output.ownAt(path, headOf(text) ?? text)) !== 'foreign') await output.answer(path, text);
  } catch (error) {
    // Its path is about as long as that of the results, so it may be too long. The summary has the reason.
    if (codeOf(error) !== 'ENAMETOOLONG') throw error;
  }
}

/** Removes an earlier run's explanation of an input that is accepted now. */
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
