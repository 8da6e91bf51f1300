import { tmpdir } from 'node:os';
import { relative } from 'node:path';
import { ConfigError, describeError, describeThrown } from '../lib/errors.ts';
import { InputError } from '../lib/jobs/run/run-input.ts';
import { codeOf, systemReason } from '../lib/stores/system-errors.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';

export interface UntilInterruptedOptions {
  /** What is said where Ctrl-C or SIGTERM ended it. */
  readonly interrupted: string;
  /** Maximum time from the signal to the end of the process. @default no limit */
  readonly graceMillis?: number;
  /** Whether the stack of an error is shown too. */
  readonly verbose?: boolean | undefined;
}

/** Does the work of a command, until Ctrl-C: what goes wrong is one clear message on stderr, and an exit status. */
export async function untilInterrupted(
  work: (signal: AbortSignal) => Promise<ExitStatus>,
  { interrupted, graceMillis, verbose = false }: UntilInterruptedOptions,
): Promise<ExitStatus> {
  const interrupt = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    interrupt.abort(new Error('interrupted'));
    if (graceMillis !== undefined) endAfter(graceMillis, name, `fabric: interrupted; ${interrupted}`);
  };
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

/** Ends the process if it still runs after a time: with its exit status, if it has one, or else by the signal. */
function endAfter(millis: number, signal: NodeJS.Signals, message: string): void {
  const end = (): void => {
    if (process.exitCode !== undefined) process.exit();
    console.error(message);
    // Not `process.exit`, which waits for threads that are blocked in a system call.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  setTimeout(end, millis).unref();
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
