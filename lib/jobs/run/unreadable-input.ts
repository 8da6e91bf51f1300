import { FabricError } from '../../errors.ts';
import { codeOf, systemReason } from '../../stores/system-errors.ts';

/** An input that is there and can't be planned; the message names it, and `reason` does not. */
export class UnreadableInputError extends FabricError {
  override readonly name = 'UnreadableInputError';
  readonly reason: string;

  constructor(uri: string, reason: string, options: ErrorOptions = {}) {
    super('INPUT_UNREADABLE', `${uri}: ${reason}`, { ...options, disposition: 'poison' });
    this.reason = reason;
  }
}

/**
 * Does what reads one input.
 *
 * @throws UnreadableInputError where the input is to blame; what stops the run, or a disk that takes nothing more, is
 *   thrown as it is.
 */
export async function readingInput<Result>(
  uri: string,
  read: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof FabricError)) throw error;
    throw new UnreadableInputError(uri, reasonWithout(uri, error), { cause: error });
  }
}

/** Finds out which job an input makes. @throws UnreadableInputError where the file is gone */
export async function identified<Id>({ uri }: { readonly uri: string }, identify: () => Promise<Id>): Promise<Id> {
  try {
    return await identify();
  } catch (error) {
    if (codeOf(error) === undefined || error instanceof FabricError) throw error;
    throw new UnreadableInputError(uri, systemReason(error), { cause: error });
  }
}

/** An error's reason without the name of the input, which goes in front of it: `Cannot read s3://b/k: …`. */
export function reasonWithout(uri: string, { message }: Error): string {
  const [start = '', ...rest] = message.split(uri);
  const reason = /^(?: in version \S+| from byte \d+)?: (.+)$/s.exec(rest.join(uri))?.[1];
  return reason === undefined || !/^Cannot [a-z ]+ $/.test(start) ? message : reason;
}
