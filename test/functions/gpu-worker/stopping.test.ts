import { describe, expect, onTestFinished, test } from 'vitest';
import { descendantsOf, isAlive } from '../../processes.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { asked } from './asked.ts';
import { startHangingProxy } from './hanging-proxy.ts';
import { sendJob, type WorkerBench, workerBench, type WorkerProcess } from './worker-bench.ts';

const GIVEN_TIMEOUT = process.env['FABRIC_TEST_STOP_TIMEOUT_SECS'];
/** 2 s to finish, 1 s to hand back, and 1 s to give back. */
const STOP_TIMEOUT_SECS = '5';
const MAX_STOP_MILLIS = 20_000;
/** What a queue has then: the bundle's message, or one that was sent in its place and goes on from there. */
const ITSELF = 'itself';
const SENT_ANEW = 'sent anew';
const WARM = 'the worker is warm and processes bundles';

type Queue = WorkerBench['bundles'];

/** A worker that is in the midst of something that does not end. */
interface Stuck {
  readonly worker: WorkerProcess;
  readonly queue: Queue;
}

/** Has a worker start on a queue of its own, beside others. */
class StuckWorkers {
  readonly #bench: WorkerBench;

  constructor(bench: WorkerBench) {
    this.#bench = bench;
  }

  async idle(): Promise<Stuck> {
    const { worker, queue } = await this.#start('double');
    await worker.logged(WARM);
    return { worker, queue };
  }

  /** Asks a model that does not answer. */
  async asking(pipeline: 'deaf' | 'silent'): Promise<Stuck> {
    const folder = await temporaryFolder();
    const { worker, queue } = await this.#start(pipeline, { FABRIC_TEST_FOLDER: folder });
    await sendElement(queue, pipeline);
    await asked(folder, 1);
    return { worker, queue };
  }

  async loading(): Promise<Stuck> {
    const folder = await temporaryFolder();
    const { worker, queue } = await this.#start('never-loaded', { FABRIC_TEST_FOLDER: folder });
    await sendElement(queue, 'never-loaded');
    await asked(folder, 1);
    return { worker, queue };
  }

  /** Waits for S3, which does not answer some of the requests. */
  async waitingForS3(
    isLeftOut: (request: string) => boolean,
    send: (queue: Queue) => Promise<unknown>,
  ): Promise<Stuck> {
    const s3 = await startHangingProxy(this.#bench.aws.endpoint, isLeftOut);
    onTestFinished(() => s3[Symbol.asyncDispose]());
    const { worker, queue } = await this.#start('double', { AWS_ENDPOINT_URL_S3: s3.endpoint });
    await send(queue);
    await s3.hangs;
    return { worker, queue };
  }

  sendJob(queue: Queue): Promise<unknown> {
    const lines = ['{"id":"a","x":[1,2,3]}'];
    return sendJob({ aws: this.#bench.aws, bundles: queue }, 'double', { lines, linesPerBundle: 1 });
  }

  async #start(pipeline: string, env: Readonly<Record<string, string>> = {}): Promise<Stuck> {
    const { aws, deadLetters, start } = this.#bench;
    const queue = await aws.createQueue(crypto.randomUUID(), { VisibilityTimeout: '43200' });
    const worker = start(pipeline, {
      FABRIC_QUEUES: JSON.stringify({ bundles: queue.url, deadLetters: deadLetters.url }),
      FABRIC_STOP_TIMEOUT_SECS: GIVEN_TIMEOUT ?? STOP_TIMEOUT_SECS,
      ...env,
    });
    return { worker, queue };
  }
}

async function sendElement(queue: Queue, pipeline: string): Promise<void> {
  const elements = [{ id: 'a', input: { x: [1, 2, 3] } }];
  await queue.send([{ body: JSON.stringify({ version: 1, kind: 'elements', pipeline, elements }) }]);
}

/** Tells it to stop. @returns what its queue has at once, when it is gone with all that it started */
async function stop(state: string, { worker, queue }: Stuck): Promise<readonly string[]> {
  const started = descendantsOf(worker.child.pid ?? 0);
  const stoppedAt = performance.now();
  worker.child.kill('SIGTERM');
  expect(await worker.ended, state).toEqual({ status: 0, signal: null });
  const millis = performance.now() - stoppedAt;
  if (GIVEN_TIMEOUT !== undefined) process.stdout.write(`${state}: ${millis.toFixed(0)} ms from SIGTERM to exit\n`);
  expect(millis, state).toBeLessThan(MAX_STOP_MILLIS);
  await expect.poll(() => started.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  const messages = await queue.receive({ maxMessages: 10, waitSecs: 0 });
  return messages.map(({ body }) => (/"attempts":1|"kind":"claim"/.test(body) ? SENT_ANEW : ITSELF));
}

describe('a worker that is told to stop', () => {
  test(
    'ends with 0 whatever it is in the midst of, and leaves its bundle to others',
    { timeout: 120_000 },
    async () => {
      const stuck = new StuckWorkers(await workerBench());
      const states = {
        idle: stuck.idle(),
        loading: stuck.loading(),
        deaf: stuck.asking('deaf'),
        silent: stuck.asking('silent'),
        reading: stuck.waitingForS3(
          (request) => request.startsWith('GET /input/'),
          (queue) => stuck.sendJob(queue),
        ),
        writing: stuck.waitingForS3(
          (request) => request.startsWith('PUT /output/double/'),
          (queue) => sendElement(queue, 'double'),
        ),
      };
      const left = Object.fromEntries(
        await Promise.all(
          Object.entries(states).map(async ([state, starting]) => [state, await stop(state, await starting)] as const),
        ),
      );
      expect(left).toEqual({
        idle: [],
        // Nobody had it.
        loading: [ITSELF],
        deaf: [SENT_ANEW],
        silent: [SENT_ANEW],
        reading: [SENT_ANEW],
        // Its results could not be put aside either.
        writing: [ITSELF],
      });
    },
  );
});
