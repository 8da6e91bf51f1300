import { tmpdir } from 'node:os';
import { ConfigError, describeError, describeThrown, FabricError } from '../lib/errors.ts';
import { InputError } from '../lib/jobs/run/run-input.ts';
import { codeOf, systemReason } from '../lib/stores/system-errors.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { shownPath } from './format/text.ts';
import { logLine } from './log-line.ts';

export interface ExitStatusOptions {
  /** Explains what an interruption leaves. @default Ctrl-C and SIGTERM end the process at once */
  readonly interrupted?: string;
  /** Maximum time from the signal to the end of the process. @default no limit */
  readonly graceMillis?: number;
  /** True if the stack of an error is printed too. @default false */
  readonly verbose?: boolean | undefined;
}

/**
 * Runs a command and returns its exit status. An error becomes one clear message on standard error. If `interrupted` is
 * given, Ctrl-C and SIGTERM abort the signal of the work.
 */
export async function exitStatusOf(
  work: (signal: AbortSignal) => Promise<ExitStatus>,
  { interrupted, graceMillis, verbose = false }: ExitStatusOptions = {},
): Promise<ExitStatus> {
  const interruption = `interrupted; ${interrupted}`;
  using signal = interrupted === undefined ? neverAborted() : abortedOnSignal(interruption, graceMillis);
  try {
    return await work(signal.signal);
  } catch (error) {
    if (signal.signal.aborted) {
      logLine(interruption);
      return EXIT.interrupted;
    }
    const isUsage = isWrongUsage(error);
    logLine(isUsage ? describeError(error).message : messageWithPlace(error));
    if (verbose) console.error(error);
    return isUsage ? EXIT.wrongUsage : EXIT.failure;
  }
}

interface DisposableSignal extends Disposable {
  readonly signal: AbortSignal;
}

function neverAborted(): DisposableSignal {
  return { signal: new AbortController().signal, [Symbol.dispose]: () => {} };
}

/** Returns a signal that is aborted on Ctrl-C or SIGTERM, until it is disposed of. */
function abortedOnSignal(message: string, graceMillis: number | undefined): DisposableSignal {
  const interrupt = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    interrupt.abort(new Error('interrupted'));
    if (graceMillis !== undefined) endAfter(graceMillis, name, message);
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  return {
    signal: interrupt.signal,
    [Symbol.dispose]() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

/** Ends the process if it still runs after a time: with its exit status, if it has one, or else by the signal. */
function endAfter(millis: number, signal: NodeJS.Signals, message: string): void {
  const end = (): void => {
    if (process.exitCode !== undefined) process.exit();
    logLine(message);
    // Not `process.exit`, which waits for threads that are blocked in a system call.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  setTimeout(end, millis).unref();
}

/** Returns true for errors that the user corrects in the command, the configuration or the inputs. */
function isWrongUsage(error: unknown): boolean {
  if (error instanceof ConfigError || error instanceof InputError) return true;
  // A redrive was requested for failures that the deployed fabric did not write.
  return error instanceof FabricError && error.code === 'UNPLACED_FAILURE';
}

/** Returns the message and where in the user's code it was thrown, such as in a handler that can't load its model. */
function messageWithPlace(error: unknown): string {
  if (codeOf(error) === 'ENOSPC')
    return `${systemReason(error)}: free space where the results are written and in ${tmpdir()}, then run it again; committed results are kept`;
  const { message, at } = describeThrown(error);
  return at === undefined ? message : `${message} (at ${shownPath(at)})`;
}
