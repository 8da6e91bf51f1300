import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The worker's input and output, and the place for the results of `fabric run`. */
export const BUCKETS = { input: 'input', output: 'output', runs: 'runs' } as const;

export type FromEmulator =
  | { readonly kind: 'started'; readonly endpoint: string }
  | { readonly kind: 'part'; readonly key: string };

/** The emulator of S3 and SQS in a separate process. */
export class EmulatorProcess implements AsyncDisposable {
  readonly endpoint: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, endpoint: string) {
    this.#child = child;
    this.endpoint = endpoint;
  }

  static async start(latencyMillis: number): Promise<EmulatorProcess> {
    const child = fork(fileURLToPath(new URL('./emulator.ts', import.meta.url)), [String(latencyMillis)]);
    const [started] = (await once(child, 'message')) as [FromEmulator];
    if (started.kind !== 'started') throw new Error(`the emulator's first message is '${started.kind}'`);
    return new EmulatorProcess(child, started.endpoint);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when a number of parts, whose keys start with a prefix, have been written from now on. */
  partsWritten(prefix: string, count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let written = 0;
    const take = (message: FromEmulator): void => {
      if (message.kind !== 'part' || !message.key.startsWith(prefix)) return;
      written += 1;
      if (written < count) return;
      this.#child.off('message', take);
      resolve();
    };
    this.#child.on('message', take);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
