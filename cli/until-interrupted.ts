import { tmpdir } from 'node:os';
import { relative } from 'node:path';
import { ConfigError, describeError, describeThrown } from '../lib/errors.ts';
import { InputError } from '../lib/jobs/run/run-input.ts';
import { codeOf, systemReason } from '../lib/stores/system-errors.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';

export interface UntilInterruptedOptions {
  /** What is said where Ctrl-C or SIGTERM ended it. */
  readonly interrupted: string;
  /** Whether the stack of an error is shown too. */
  readonly verbose?: boolean | undefined;
}

/** Does the work of a command, until Ctrl-C: what goes wrong is one clear message on stderr, and an exit status. */
export async function untilInterrupted(
  work: (signal: AbortSignal) => Promise<ExitStatus>,
  { interrupted, verbose = false }: UntilInterruptedOptions,
): Promise<ExitStatus> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort(new Error('interrupted'));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    return await work(interrupt.signal);
  } catch (error) {
    if (interrupt.signal.aborted) {
      console.error(`fabric: interrupted; ${interrupted}`);
      return EXIT.interrupted;
    }
    const isUsage = error instanceof ConfigError || error instanceof InputError;
    console.error(`fabric: ${isUsage ? describeError(error).message : messageWithPlace(error)}`);
    if (verbose) console.error(error);
    return isUsage ? EXIT.wrongUsage : EXIT.failure;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** Returns the message and where in the user's code it was thrown, such as in a handler that can't load its model. */
function messageWithPlace(error: unknown): string {
  if (codeOf(error) === 'ENOSPC')
    return `${systemReason(error)}: free space where the results are written and in ${tmpdir()}, then run it again; what is committed stays`;
  const { message, at } = describeThrown(error);
  if (at === undefined) return message;
  const below = relative(process.cwd(), at);
  return `${message} (at ${below.startsWith('..') ? at : below})`;
}
