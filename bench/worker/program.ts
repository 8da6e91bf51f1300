import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A program of Node in a separate process, whose output lines can be awaited. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#ended = once(child, 'close').then(([status]) => status as number | null);
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        this.#lines.push(line);
        for (const look of this.#waiting) look();
      });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when it has printed a line that holds a text. @throws where it ends without */
  async printed(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (this.#lines.some((line) => line.includes(text))) resolve();
    };
    this.#waiting.add(look);
    look();
    const ended = this.#ended.then((status) => {
      throw new Error(`the program ended with ${status} before it said '${text}':\n${this.#lines.join('\n')}`);
    });
    try {
      await Promise.race([promise, ended]);
    } finally {
      this.#waiting.delete(look);
    }
  }

  /** Tells it to stop, if it has not ended, and waits for it. @throws where its exit status is another than 0 */
  async end(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGTERM');
    await this.ended();
  }

  /** Waits for its end. @throws where its exit status is another than 0 */
  async ended(): Promise<void> {
    const status = await this.#ended;
    if (status !== 0) throw new Error(`the program ended with ${status}:\n${this.#lines.join('\n')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
