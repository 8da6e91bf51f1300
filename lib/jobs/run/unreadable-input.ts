import { FabricError } from '../../errors.ts';
import { codeOf, isMissing, systemReason } from '../../stores/system-errors.ts';

/** An existing input that can't be planned. The message names the input, `reason` does not. */
export class UnreadableInputError extends FabricError {
  override readonly name = 'UnreadableInputError';
  readonly reason: string;

  constructor(uri: string, reason: string, options: ErrorOptions = {}) {
    super('INPUT_UNREADABLE', `${uri}: ${reason}`, { ...options, disposition: 'poison' });
    this.reason = reason;
  }
}

/**
 * Runs a function that reads one input.
 *
 * @throws UnreadableInputError if the input is the cause. Aborts, and errors such as a full disk, are thrown unchanged.
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

/** Identifies the job of an input. @throws UnreadableInputError if the file is gone */
export async function identified<Id>({ uri }: { readonly uri: string }, identify: () => Promise<Id>): Promise<Id> {
  try {
    return await identify();
  } catch (error) {
    if (codeOf(error) === undefined || error instanceof FabricError) throw error;
    const reason = isMissing(error) ? 'there is no such file' : systemReason(error);
    throw new UnreadableInputError(uri, reason, { cause: error });
  }
}

/** Returns an error's reason without the prefix that names the input: `Cannot read s3://b/k: …`. */
export function reasonWithout(uri: string, { message }: Error): string {
  const [start = '', ...rest] = message.split(uri);
  const reason = /^(?: in version \S+| from byte \d+)?: (.+)$/s.exec(rest.join(uri))?.[1];
  return reason === undefined || !/^Cannot [a-z ]+ $/.test(start) ? message : reason;
}
