import { describe, expect, onTestFinished, test } from 'vitest';
import { expectNoneTwice, expectTakenFromKilled, expectTakenFromStopped, inHandOf } from './left-messages.ts';
import { type QueueEvent, QueueLog } from './queue-log.ts';
import { type BenchAws, benchOn, sendJob, type SentJob, type WorkerBench, type WorkerProcess } from './worker-bench.ts';

/** Of an emulator, and where it is. */
export interface DrainPlace extends AsyncDisposable {
  readonly aws: BenchAws;
  readonly endpoint: string;
  /** For how long workers hide what they receive: long beside what a request takes here, which else come too late. */
  readonly visibilitySecs: number;
}

/** More of them take longer and show no more: `FABRIC_TEST_BUNDLES=2000`. */
const GIVEN_BUNDLES = process.env['FABRIC_TEST_BUNDLES'];
const BUNDLES = Number(GIVEN_BUNDLES ?? 60);
const LINES_PER_BUNDLE = 10;
/** Of one element of each bundle, so that every worker is in mid-bundle at any time. */
const PAUSE_MILLIS = 60;
const PAUSED_LINE = 5;
/** 2 s to finish, 1 s to hand back. */
const STOP_TIMEOUT_SECS = 5;
/**
 * Both ends come among the last bundles: what is left by one that is gone comes after all that is in the queue already,
 * and nobody could say why it has waited.
 */
const LAST_BUNDLES = 30;
const LAST_UNTAKEN = 6;
/** From SIGTERM on. */
const MAX_STOP_MILLIS = 20_000;
const TIMEOUT_MILLIS = 60_000 + BUNDLES * 500;

/** The worker that is killed, the one that is stopped, and the one that is left. */
type Role = 'killed' | 'stopped' | 'left';

/**
 * That three workers answer the bundles of a queue, though one is killed and one is stopped in mid-bundle.
 *
 * @param open - gives an emulator that has nothing of a worker yet.
 */
export function describeDrain(name: string, open: () => Promise<DrainPlace>): void {
  describe(name, () => {
    test(
      'answer each element once, though one is killed and one is stopped in mid-bundle',
      { timeout: TIMEOUT_MILLIS },
      async () => {
        const place = await open();
        onTestFinished(() => place[Symbol.asyncDispose]());
        const { bench, log, workers, lines } = await startWorkers(place);
        const startedAt = performance.now();
        const job = await sendJob(bench, 'double', { lines, linesPerBundle: LINES_PER_BUNDLE });
        const [stopMillis, killedAt] = await Promise.all([stopOne(log, workers.stopped), killOne(log, workers.killed)]);
        await log.until((events) => bundlesDone(events) === BUNDLES);
        const elapsedSecs = (performance.now() - startedAt) / 1000;
        // The last one deletes what it has answered before it ends.
        workers.left.child.kill('SIGTERM');
        expect(await workers.left.ended).toEqual({ status: 0, signal: null });

        await expectAnswers(bench, job, lines);
        const ofKilled = expectTakenFromKilled(log.events, 'killed', {
          at: killedAt,
          visibilitySecs: place.visibilitySecs,
        });
        const ofStopped = expectTakenFromStopped(log.events, 'stopped');
        expectNoneTwice(log.events, 'killed');
        expect(stopMillis).toBeLessThan(MAX_STOP_MILLIS);
        if (GIVEN_BUNDLES !== undefined)
          process.stdout.write(
            `${name}: ${BUNDLES} bundles in ${elapsedSecs.toFixed(1)} s\n` +
              `  of the killed one, ${told(ofKilled)}\n  of the stopped one, ${told(ofStopped)}, ` +
              `which ended ${stopMillis.toFixed(0)} ms after SIGTERM\n`,
          );
      },
    );
  });
}

async function startWorkers({ aws, endpoint, visibilitySecs }: DrainPlace) {
  const bench = await benchOn(aws);
  const log = await QueueLog.start(endpoint);
  onTestFinished(() => log[Symbol.asyncDispose]());
  const start = (role: Role): WorkerProcess =>
    bench.start('double', {
      AWS_ENDPOINT_URL_SQS: log.endpoint(role),
      FABRIC_VISIBILITY_SECS: String(visibilitySecs),
      FABRIC_STOP_TIMEOUT_SECS: String(STOP_TIMEOUT_SECS),
      // So that it is in mid-bundle when it is stopped, and has to hand back.
      ...(role === 'stopped' && { FABRIC_TEST_STUCK_FROM: String(BUNDLES - LAST_BUNDLES) }),
    });
  const workers = { killed: start('killed'), stopped: start('stopped'), left: start('left') };
  await Promise.all(Object.values(workers).map((worker) => worker.logged('the worker is warm and processes bundles')));
  const lines = Array.from({ length: BUNDLES * LINES_PER_BUNDLE }, (_, n) => {
    const bundle = Math.floor(n / LINES_PER_BUNDLE);
    return JSON.stringify({
      id: `e${n}`,
      x: [n, 0, 1],
      ...(n % LINES_PER_BUNDLE === PAUSED_LINE && { bundle, millis: PAUSE_MILLIS }),
    });
  });
  return { bench, log, workers, lines };
}

/** When it is stuck in mid-bundle, and others go on. @returns how long it took, in milliseconds */
async function stopOne(log: QueueLog, stopped: WorkerProcess): Promise<number> {
  await log.until((events) => {
    const stuck = inHandOf(events, 'stopped').filter(({ body }) => bundleOf(body) >= BUNDLES - LAST_BUNDLES);
    return stuck.length > 0 && bundlesDone(events) >= BUNDLES - LAST_BUNDLES * 0.8;
  });
  const stoppedAt = performance.now();
  stopped.child.kill('SIGTERM');
  expect(await stopped.ended).toEqual({ status: 0, signal: null });
  return performance.now() - stoppedAt;
}

/** When it is at work, and hardly anything is left to be taken. @returns when */
async function killOne(log: QueueLog, killed: WorkerProcess): Promise<number> {
  await log.until((events) => {
    const taken = new Set(events.filter(({ did }) => did === 'receive').map(({ body }) => bundleOf(body)));
    return taken.size >= BUNDLES - LAST_UNTAKEN && inHandOf(events, 'killed').length > 0;
  });
  const killedAt = log.cutOff('killed');
  killed.child.kill('SIGKILL');
  expect(await killed.ended).toEqual({ status: null, signal: 'SIGKILL' });
  return killedAt;
}

/** A message that is deleted was done, or stands for one that was sent in its place. */
function bundlesDone(events: readonly QueueEvent[]): number {
  const deleted = new Set(events.filter(({ did }) => did === 'delete').map(({ message }) => message));
  return deleted.size - events.filter(({ did }) => did === 'send').length;
}

// The job's own message.
function bundleOf(body: string): number {
  return (JSON.parse(body) as { readonly bundle: number }).bundle;
}

async function expectAnswers(bench: WorkerBench<BenchAws>, job: SentJob, lines: readonly string[]): Promise<void> {
  const parts: Awaited<ReturnType<SentJob['part']>>[] = [];
  for (let bundle = 0; bundle < BUNDLES; bundle += 1) parts.push(await job.part(bundle));
  expect(parts.flat().map((line) => [line?.id, line?.prediction])).toEqual(
    lines.map((_, n) => [`e${n}`, { y: [2 * n, 0, 2] }]),
  );
  for (const queue of [bench.bundles, bench.deadLetters])
    expect(await queue.receive({ maxMessages: 1, waitSecs: 0 })).toEqual([]);
}

function told(waits: readonly number[]): string {
  return `${waits.length} bundles were taken again, after ${Math.max(...waits).toFixed(0)} ms at most`;
}
