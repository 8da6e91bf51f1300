import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAwake } from './awake-timer.ts';
import { type ByteGroup, bodyGroups, FrameReader, frameParts } from './frames.ts';
import { type DeathReason, HostDiedError, saysOutOfMemory } from './host-died-error.ts';
import type {
  FromHost,
  HandlerSpec,
  LoadFrame,
  ModelInfo,
  ResultFrame,
  RunFailedFrame,
  RunFrame,
  ToHost,
} from './protocol.ts';
import { inheritedFlags } from './inherited-flags.ts';
import { loadError } from './load-error.ts';
import { programUrl } from '../program-url.ts';
import { OutputTail } from './output-tail.ts';

export interface ModelHostOptions {
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** Takes what the handler and its libraries print, a line at a time. */
  readonly onOutput?: (line: string) => void;
}

export interface RunRequest {
  readonly frame: Omit<RunFrame, 'kind' | 'id'>;
  readonly groups: readonly ByteGroup[];
  /** Milliseconds from when the host turns to this batch. */
  readonly timeoutMillis: number;
}

export type RunAnswer =
  | { readonly frame: ResultFrame; readonly groups: Uint8Array[] }
  | { readonly frame: RunFailedFrame };

interface InHand {
  readonly id: number;
  readonly request: RunRequest;
  readonly resolve: (answer: RunAnswer) => void;
  readonly reject: (error: HostDiedError | NotStartedError) => void;
}

/** The host died before it turned to this batch, which may go to another. */
export class NotStartedError extends Error {
  override readonly name = 'NotStartedError';
}

/** onnxruntime sends telemetry about the models that it loads unless this is set; a user's own setting is kept. */
const NO_TELEMETRY = { ORT_DISABLE_TELEMETRY: '1' };

/** Time to read the pipes of a dead process, in case a child of that process keeps them open. */
const DRAIN_MILLIS = 200;

/**
 * A process that holds one copy of a model, as its supervisor sees it.
 *
 * starting -> loading -> serving -> dead; from any state to dead. A host takes several batches at once and runs them in
 * order: the clock of one starts when the one before it has been answered. When it dies, the first batch in hand is
 * the one it died of; the others reject with NotStartedError. A dead host stays dead.
 */
export class ModelHost {
  readonly #child: ChildProcess;
  readonly #tail: OutputTail;
  readonly #ready = Promise.withResolvers<void>();
  readonly #loaded = Promise.withResolvers<ModelInfo>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #inHand: InHand[] = [];
  #nextId = 0;
  #stopClock: (() => void) | undefined;
  #killedFor: 'timeout' | 'dispose' | undefined;
  /** Description of the operation that took too long, if the process was killed for it. */
  #late: string | undefined;
  #dead = false;
  #diedIdle = false;

  constructor(options: ModelHostOptions) {
    this.#tail = new OutputTail(options.onOutput);
    this.#child = spawn(process.execPath, [...inheritedFlags(), fileURLToPath(programUrl('hosts/host-process'))], {
      env: { ...NO_TELEMETRY, ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    for (const promise of [this.#ready.promise, this.#loaded.promise]) promise.catch(() => {});
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#tail.push(chunk));
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#tail.push(chunk));
    this.#input.on('error', () => {});
    this.#watch.on('error', () => {});
    const reader = new FrameReader<FromHost>({ onFrame: (frame, body) => this.#handle(frame, body) });
    this.#output.on('data', (chunk: Buffer) => reader.push(chunk));
    this.#output.on('error', () => {});
    this.#child.on('error', (error) =>
      this.#die(`the model's process could not be started: ${error.message}`, 'crash'),
    );
    this.#child.on('close', (code, signal) => this.#die(...this.#causeOfDeath(code, signal)));
    this.#child.on('exit', (code, signal) => {
      setTimeout(() => this.#die(...this.#causeOfDeath(code, signal)), DRAIN_MILLIS).unref();
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Batches that it has been given and not answered. */
  get inHand(): number {
    return this.#inHand.length;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** True if it died while it ran no batch. */
  get diedIdle(): boolean {
    return this.#diedIdle;
  }

  /** Settles once the process is gone. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Imports what the handler needs, so that loading takes less long. */
  prepare(spec: HandlerSpec): void {
    this.#send({ kind: 'prepare', spec });
  }

  /**
   * Loads the model, which may take `timeoutSecs` from when the process is up.
   *
   * @throws ModelLoadError where the handler refuses; an error of disposition `retry` where it may do better next time.
   * @throws HostDiedError where the process dies of it.
   */
  async load(frame: Omit<LoadFrame, 'kind'>, timeoutSecs: number): Promise<ModelInfo> {
    await this.#ready.promise;
    this.#send({ kind: 'load', ...frame });
    const stopClock = afterAwake(timeoutSecs * 1000, () => this.#killLate(loadTimeout(timeoutSecs)));
    try {
      return await this.#loaded.promise;
    } finally {
      stopClock();
    }
  }

  /** @throws HostDiedError where the host dies of this batch; NotStartedError where it dies before it turns to it. */
  run(request: RunRequest): Promise<RunAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<RunAnswer>();
    const id = this.#nextId;
    this.#nextId += 1;
    if (this.#dead) {
      reject(new NotStartedError());
      return promise;
    }
    this.#inHand.push({ id, request, resolve, reject });
    this.#send({ kind: 'run', id, ...request.frame }, request.groups);
    if (this.#inHand.length === 1) this.#startClock();
    return promise;
  }

  /** Asks for an orderly exit, and after `graceMillis` kills. */
  async stop(graceMillis = 1000): Promise<void> {
    this.#killedFor ??= 'dispose';
    this.#input.end();
    const clock = setTimeout(() => this.#child.kill('SIGKILL'), graceMillis);
    await this.#exited.promise;
    clearTimeout(clock);
  }

  get #input(): Writable {
    return this.#child.stdio[3] as Writable;
  }

  get #output(): Readable {
    return this.#child.stdio[4] as Readable;
  }

  get #watch(): Readable {
    return (this.#child.stdio as readonly unknown[])[5] as Readable;
  }

  #send(frame: ToHost, groups?: readonly ByteGroup[]): void {
    if (this.#dead || this.#input.destroyed || this.#input.writableEnded) return;
    this.#input.cork();
    for (const part of frameParts(frame, groups)) this.#input.write(part);
    this.#input.uncork();
  }

  #handle(frame: FromHost, body: Uint8Array): void {
    // An answer after the kill is too late, and the death must not count for the batch after the one that timed out.
    if (this.#killedFor === 'timeout') return;
    switch (frame.kind) {
      case 'ready':
        return this.#ready.resolve();
      case 'loaded':
        return this.#loaded.resolve(frame.info);
      case 'loadFailed':
        return this.#loaded.reject(loadError(frame));
      case 'result':
        return this.#answer({ frame, groups: bodyGroups(frame, body) });
      case 'runFailed':
        return this.#answer({ frame });
    }
  }

  #answer(answer: RunAnswer): void {
    this.#stopClock?.();
    this.#inHand.shift()?.resolve(answer);
    this.#startClock();
  }

  #startClock(): void {
    const [first] = this.#inHand;
    this.#stopClock =
      first === undefined
        ? undefined
        : afterAwake(first.request.timeoutMillis, () => this.#killLate(runTimeout(first.request)));
  }

  #killLate(message: string): void {
    if (this.#killedFor === undefined) this.#late = message;
    this.#killedFor ??= 'timeout';
    this.#child.kill('SIGKILL');
  }

  #causeOfDeath(code: number | null, signal: NodeJS.Signals | null): [message: string, reason: DeathReason] {
    if (this.#late !== undefined) return [this.#late, 'timeout'];
    const how = `the model's process ${signal === null ? `exited with status ${code ?? 'unknown'}` : `was ended by ${signal}`}`;
    // The supervisor did not send this signal: it is how the kernel ends a process when memory runs out.
    const memory = signal === 'SIGKILL' || saysOutOfMemory(this.#tail.text);
    return [`${how}${this.#tail.quoted()}`, memory ? 'memory' : 'crash'];
  }

  #die(message: string, reason: DeathReason): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#diedIdle = this.#inHand.length === 0;
    this.#stopClock?.();
    const error = new HostDiedError(reason, message);
    this.#ready.reject(error);
    this.#loaded.reject(error);
    this.#rejectAll(error);
    this.#exited.resolve();
  }

  #rejectAll(error: HostDiedError): void {
    const inHand = this.#inHand.splice(0);
    inHand.forEach((run, index) => run.reject(index === 0 ? error : new NotStartedError()));
  }
}

function loadTimeout(secs: number): string {
  return `loadModel took longer than 'loadTimeoutSecs' (${secs} s), and its process was killed: raise 'loadTimeoutSecs'`;
}

/** A piece of a failed batch has less time. An element that fails permanently was alone and had the full time. */
function runTimeout({ frame, timeoutMillis }: RunRequest): string {
  const size = frame.fragments.reduce((sum, fragment) => sum + fragment.size, 0);
  const what = size === 1 ? 'runInference of this element alone' : `runInference of ${size} elements`;
  const advice = size === 1 ? "raise 'timeoutSecs'" : "raise 'timeoutSecs' or lower 'maxBatchSize'";
  return `${what} took longer than 'timeoutSecs' (${timeoutMillis / 1000} s), and its process was killed: ${advice}`;
}
