import { fork } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { inheritedFlags } from '../../hosts/inherited-flags.ts';
import { programUrl } from '../../program-url.ts';
import { ownBytes } from '../own-bytes.ts';
import { PROGRESS_RECORD_BYTES, progressBuffer, pulse, type Standing, standing } from '../progress.ts';
import type { FromWorker, ToWorker, WorkerSetup } from '../worker-protocol.ts';

/**
 * V8 lets a heap grow by a factor that follows its limit: with the default of gigabytes, two workers whose live data is
 * 20 MB each took 450 MB of memory where predictions are large, with these 350. An element that needs more ends its
 * worker, and its bundle continues in a separate process, which has V8's default limits.
 */
const MAX_OLD_GENERATION_MB = 512;
/** Shared by all workers: the larger a young generation is, the less often it is collected. */
const YOUNG_GENERATIONS_MB = 96;
const MIN_YOUNG_GENERATION_MB = 16;

export interface WorkerEvents {
  readonly onMessage: (message: FromWorker) => void;
  /** The worker has ended, for any cause. */
  readonly onExit: (cause: string) => void;
}

/** An engine's end of a worker, be it a thread or a process. */
export interface WorkerChannel {
  post(message: ToWorker, transfer?: readonly ArrayBuffer[]): void;
  /** Where the worker stands, or stood when it was lost. */
  standing(): Standing | undefined;
  /** Changes while the worker does anything at all. */
  pulse(): number;
  kill(): Promise<void>;
}

/** A worker as a thread of this process. */
export function openWorkerThread(setup: WorkerSetup, { onMessage, onExit }: WorkerEvents): WorkerChannel {
  const progress = progressBuffer();
  const fields = new Int32Array(progress);
  const worker = new Worker(programUrl('inference/worker/worker-thread'), {
    workerData: { ...setup, progress } satisfies WorkerSetup,
    resourceLimits: {
      maxOldGenerationSizeMb: MAX_OLD_GENERATION_MB,
      maxYoungGenerationSizeMb: Math.max(MIN_YOUNG_GENERATION_MB, YOUNG_GENERATIONS_MB / setup.workers),
    },
  });
  let cause = 'ended';
  worker.on('message', onMessage);
  worker.on('error', (error: Error) => {
    cause = error.message;
  });
  worker.on('exit', () => onExit(cause));
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    standing: () => standing(fields),
    pulse: () => pulse(fields),
    kill: async () => {
      await worker.terminate();
    },
  };
}

/** Starts a worker in a separate process, in which a decoder or a function can crash without harm to this process. */
export function openWorkerProcess(setup: WorkerSetup, { onMessage, onExit }: WorkerEvents): WorkerChannel {
  const child = fork(fileURLToPath(programUrl('inference/worker/worker-process')), {
    serialization: 'advanced',
    execArgv: inheritedFlags(),
    stdio: ['ignore', 'ignore', 'ignore', 'ipc', 'pipe', 'pipe'],
  });
  const exited = Promise.withResolvers<void>();
  const fields = new Int32Array(PROGRESS_RECORD_BYTES / Int32Array.BYTES_PER_ELEMENT).fill(-1);
  let unread = Buffer.alloc(0);
  (child.stdio[4] as Readable).on('data', (chunk: Buffer) => {
    const bytes = Buffer.concat([unread, chunk]);
    const whole = bytes.byteLength - (bytes.byteLength % PROGRESS_RECORD_BYTES);
    unread = bytes.subarray(whole);
    if (whole >= PROGRESS_RECORD_BYTES)
      new Uint8Array(fields.buffer).set(bytes.subarray(whole - PROGRESS_RECORD_BYTES, whole));
  });
  // Nothing comes through this one: it closes when either end is gone.
  const watch = (child.stdio as readonly unknown[])[5] as Readable;
  watch.on('error', () => {});
  watch.resume();
  child.on('message', (message) => onMessage(ownBytes(message as FromWorker)));
  child.on('error', () => {});
  child.on('close', (code, signal) => {
    onExit(signal === null ? `exited with status ${code ?? 'unknown'}` : `was ended by ${signal}`);
    exited.resolve();
  });
  child.send(setup);
  return {
    post: (message) => {
      if (child.connected) child.send(message, () => {});
    },
    standing: () => standing(fields),
    pulse: () => pulse(fields),
    kill: async () => {
      child.kill('SIGKILL');
      await exited.promise;
    },
  };
}
