import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { descendantsOf, isAlive } from '../../test/processes.ts';
import { hold } from '../violation.ts';

export interface SlotOptions {
  /** Name under which its kills are counted. */
  readonly name: string;
  readonly program: URL;
  readonly environment: Readonly<Record<string, string>>;
  /** Message of its log line when it receives messages. */
  readonly readyMessage: string;
}

/** Processes that a killed one started end in this time. */
const ORPHAN_MILLIS = 15_000;
const LOOK_MILLIS = 250;
const STOP_MILLIS = 30_000;
/** Characters of standard error that a violation shows. */
const MAX_PRINTED_CHARACTERS = 2000;

/** Programs compiled once start in half the time. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url));

export const SOURCE_FLAGS = ['-C', '@inference-fabric/source'] as const;

export function childEnvironment(environment: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE, ORT_DISABLE_TELEMETRY: '1', ...environment };
}

/** Keeps one process of a program alive: each that is killed is followed by another. */
export class ProcessSlot {
  readonly name: string;
  readonly #options: SlotOptions;
  #child: ChildProcess;
  #ready: Promise<void> = Promise.resolve();
  #isReady = false;
  /** End of what its process wrote to standard error. */
  #printed = '';
  /** Waits for the end of child processes of killed processes. */
  readonly #orphans: Promise<void>[] = [];

  constructor(options: SlotOptions) {
    this.name = options.name;
    this.#options = options;
    this.#child = this.#start();
  }

  /** Resolves when its process receives messages, or has ended. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** Returns true while its process receives messages. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Kills its process, and starts another. */
  async kill(): Promise<void> {
    const { pid = 0 } = this.#child;
    this.#expectAlive();
    const below = descendantsOf(pid);
    const closed = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await closed;
    const orphans = expectGone(below, `of a killed ${this.name}`);
    // The caller that stops the slot gets the error.
    orphans.catch(() => {});
    this.#orphans.push(orphans);
    this.#child = this.#start();
  }

  /** Ends its process in good order, where it can do that. @throws Violation where a process stays */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { pid = 0 } = this.#child;
    const below = descendantsOf(pid);
    if (signal === 'SIGTERM') this.#expectAlive();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const closed = once(this.#child, 'exit');
      this.#child.kill(signal);
      const over = AbortSignal.timeout(STOP_MILLIS);
      over.addEventListener('abort', () => this.#child.kill('SIGKILL'));
      await closed;
      hold(!over.aborted, 'process or file left', `a ${this.name} did not end on ${signal}`);
    }
    await Promise.all([...this.#orphans, expectGone(below, `of a ${this.name} that ended`)]);
  }

  /** @throws Violation where the process ended before it was told to */
  #expectAlive(): void {
    const { exitCode, signalCode } = this.#child;
    const message = `a ${this.name} ended by itself with ${exitCode ?? signalCode}: ${this.#printed}`;
    hold(exitCode === null && signalCode === null, 'crash', message);
  }

  #start(): ChildProcess {
    const { program, environment, readyMessage } = this.#options;
    const child = spawn(process.execPath, [...SOURCE_FLAGS, fileURLToPath(program)], {
      env: childEnvironment(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#printed = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#printed = (this.#printed + text).slice(-MAX_PRINTED_CHARACTERS);
    });
    const ready = Promise.withResolvers<void>();
    this.#isReady = false;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes(`"message":"${readyMessage}"`)) {
        this.#isReady = child === this.#child;
        ready.resolve();
      }
    });
    child.once('exit', () => ready.resolve());
    this.#ready = ready.promise;
    return child;
  }
}

/** @throws Violation where one of the processes is still there after a while */
export async function expectGone(pids: readonly number[], whose: string): Promise<void> {
  for (let waited = 0; waited < ORPHAN_MILLIS; waited += LOOK_MILLIS) {
    if (!pids.some(isAlive)) return;
    await sleep(LOOK_MILLIS);
  }
  const left = pids.filter(isAlive);
  hold(left.length === 0, 'process or file left', `processes ${left.join(', ')} ${whose} are still there`);
}
