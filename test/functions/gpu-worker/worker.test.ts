import { describe, expect, test } from 'vitest';
import { startTestAws } from '../../embedded-aws.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { asked, askedIn } from './asked.ts';
import { describeDrain } from './drain.ts';
import { ecsAgent } from './ecs-agent.ts';
import { partsWritten, sendJob, workerBench, type WorkerProcess } from './worker-bench.ts';

const VISIBILITY_SECS = '2';
const WARM = 'the worker is warm and processes bundles';

const started = (workers: readonly WorkerProcess[]): Promise<unknown> =>
  Promise.all(workers.map((worker) => worker.logged(WARM)));

describeDrain('workers on the embedded emulator', async () => {
  const aws = await startTestAws();
  return { aws, endpoint: aws.endpoint, visibilitySecs: 4, [Symbol.asyncDispose]: () => aws[Symbol.asyncDispose]() };
});

describe('workers', () => {
  test('hold a bundle for longer than it is hidden at a time, and go on with one that was handed back; a second signal ends them at once', async () => {
    const bench = await workerBench();
    const folder = await temporaryFolder();
    const env = {
      FABRIC_TEST_FOLDER: folder,
      FABRIC_VISIBILITY_SECS: VISIBILITY_SECS,
      // 2 s to finish, and 1 s to hand back.
      FABRIC_STOP_TIMEOUT_SECS: '5',
    };
    const workers = [bench.start('slow', env), bench.start('slow', env)];
    await started(workers);
    const millis = 250;
    const lines = Array.from({ length: 24 }, (_, n) => JSON.stringify({ id: `e${n}`, n, millis }));
    const all = partsWritten(bench.aws, 1);
    const job = await sendJob(bench, 'slow', { lines, linesPerBundle: lines.length });
    await asked(folder, 10);
    const before = askedIn(folder);
    expect(new Set(before.map(({ worker }) => worker)).size).toBe(1);
    const holder = workers.find(({ child }) => child.pid === before[0]?.worker);
    holder?.child.kill('SIGTERM');
    expect(await holder?.ended).toEqual({ status: 0, signal: null });
    await all;

    expect((await job.part(0))?.map(({ prediction }) => prediction)).toEqual(lines.map((_, n) => n));
    const after = askedIn(folder);
    const other = after.find(({ worker }) => worker !== holder?.child.pid);
    // Not from its start: the first one's outcomes were staged. What its model was still at may be asked again.
    expect(other?.n).toBeGreaterThan(8);
    expect(after.filter(({ n }) => n === 0)).toHaveLength(1);

    const elements = [{ id: 'endless', input: { n: 0, millis: 600_000 } }];
    await bench.bundles.send([{ body: JSON.stringify({ version: 1, kind: 'elements', pipeline: 'slow', elements }) }]);
    await asked(folder, after.length + 1);
    const left = workers.find((worker) => worker !== holder);
    left?.child.kill('SIGTERM');
    await left?.logged('the worker received a signal to stop');
    left?.child.kill('SIGTERM');
    expect(await left?.ended).toEqual({ status: 1, signal: null });
  });
});

describe('a worker', () => {
  test('is healthy once its models are loaded, has its task protected while it works, and ends when told to', async () => {
    const bench = await workerBench();
    const agent = await ecsAgent();
    const worker = bench.start('double', { FABRIC_HEALTH_PORT: '0', ECS_AGENT_URI: agent.uri });
    const { port } = await worker.logged('the health endpoint is listening');
    await worker.logged(WARM);
    const health = await fetch(`http://127.0.0.1:${String(port)}/`);
    expect(health.status).toBe(200);
    expect(await health.json()).toEqual({ state: 'serving', isAlive: true, bundlesAtWork: 0 });
    const all = partsWritten(bench.aws, 1);
    await sendJob(bench, 'double', { lines: ['{"id":"a","x":[1,2,3]}'], linesPerBundle: 1 });
    await all;
    worker.child.kill('SIGINT');
    expect(await worker.ended).toEqual({ status: 0, signal: null });
    const url = '/api/x/task-protection/v1/state';
    expect(agent.asked).toEqual([
      ['PUT', url, { ProtectionEnabled: true, ExpiresInMinutes: 15 }],
      ['PUT', url, { ProtectionEnabled: false }],
    ]);
    const counts = worker.lines.filter((line) => 'bundles_committed' in line);
    const processed = { bundles_committed: 1, elements_succeeded: 1, num_inferences: 1, model_loads: 1 };
    expect(counts).toMatchObject([{ pipeline: 'double', ...processed }]);
  });

  test('whose model cannot be loaded ends with 1 and says why, and takes no bundle', async () => {
    const bench = await workerBench();
    await bench.bundles.send([{ body: '{}' }]);
    const worker = bench.start('missing');
    const line = await worker.logged('the worker stops: its engine could not be started');
    expect(line).toMatchObject({ level: 'ERROR', error: { name: 'ModelLoadError' } });
    expect(await worker.ended).toEqual({ status: 1, signal: null });
    expect(await bench.bundles.receive({ maxMessages: 1, waitSecs: 0 })).toMatchObject([{ receiveCount: 1 }]);
  });
});
