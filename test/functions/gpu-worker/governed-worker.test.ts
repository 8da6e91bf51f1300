import { expect, test } from 'vitest';
import { FIRST_STATE, serializeState } from '../../../lib/remote/governor/state.ts';
import { serveAws } from '../aws-server.ts';
import { workerBench } from './worker-bench.ts';

const PARAMETER = '/inference-fabric/test/double';

test('a worker of a governed pipeline hears its governor, and takes no bundle where it is one of too many', async () => {
  // So many too many that each of them steps aside.
  const runs = [{ at: Date.now(), concurrency: 1, working: 1e12 }];
  const Value = serializeState({ ...FIRST_STATE, concurrency: 1, runs });
  const asked = await serveAws(() => ({ body: { Parameter: { Name: PARAMETER, Value } } }));
  const parameters = process.env['AWS_ENDPOINT_URL'] ?? '';
  const bench = await workerBench();
  await bench.bundles.send([{ body: '{}' }]);
  const worker = bench.start('double', {
    AWS_ENDPOINT_URL_SSM: parameters,
    FABRIC_CONCURRENCY_PARAMETER: PARAMETER,
    FABRIC_STOP_TIMEOUT_SECS: '5',
  });
  expect(await worker.logged('the worker steps aside, as there are too many')).toMatchObject({ allowed: 1 });
  await worker.logged('the worker is warm and takes bundles');
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toEqual({ status: 0, signal: null });
  expect(await bench.bundles.receive({ maxMessages: 1, waitSecs: 0 })).toMatchObject([{ receiveCount: 1 }]);
  expect(asked.map(({ operation, body }) => [operation, body['Name']])).toEqual([['GetParameter', PARAMETER]]);
});
