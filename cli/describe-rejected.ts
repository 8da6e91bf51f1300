import type { RejectedInput } from '../lib/jobs/run/reject-input.ts';
import { escapedControls, shownPath } from './format/text.ts';

/** Returns one line with the file or URI and the reason that it can't be run. */
export function describeRejected({ input, reason }: RejectedInput): string {
  return escapedControls(`${shownPath(input)}: ${reason}`);
}
