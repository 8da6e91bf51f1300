import { expect, test } from 'vitest';
import { FIRST_STATE, serializeState } from '../../../lib/remote/governor/state.ts';
import { serveAws } from '../aws-server.ts';
import { ecsAgent } from './ecs-agent.ts';
import { partsWritten, sendJob, workerBench } from './worker-bench.ts';

const PARAMETER = '/inference-fabric/test/double';

test('a worker of a governed pipeline hears its governor, and is not protected at work while there are too many', async () => {
  const runs = [{ at: Date.now(), concurrency: 1, working: 2 }];
  const Value = serializeState({ ...FIRST_STATE, concurrency: 1, runs });
  const asked = await serveAws(() => ({ body: { Parameter: { Name: PARAMETER, Value } } }));
  const parameters = process.env['AWS_ENDPOINT_URL'] ?? '';
  const bench = await workerBench();
  const agent = await ecsAgent();
  const worker = bench.start('double', {
    AWS_ENDPOINT_URL_SSM: parameters,
    ECS_AGENT_URI: agent.uri,
    FABRIC_CONCURRENCY_PARAMETER: PARAMETER,
  });
  await worker.logged('over the task limit: scale-in protection is off');
  const all = partsWritten(bench.aws, 1);
  await sendJob(bench, 'double', { lines: ['{"id":"a","x":[1,2,3]}'], linesPerBundle: 1 });
  await all;
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toEqual({ status: 0, signal: null });
  expect(agent.asked).toEqual([]);
  expect(asked.map(({ operation, body }) => [operation, body['Name']])).toEqual([['GetParameter', PARAMETER]]);
});
