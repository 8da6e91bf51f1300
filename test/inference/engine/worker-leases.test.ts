import { expect, test } from 'vitest';
import { WorkerLeases } from '../../../lib/inference/engine/worker-leases.ts';
import type { ModelLease, ToWorker } from '../../../lib/inference/worker-protocol.ts';

const LEASE: ModelLease = { model: 3, ok: true, info: { label: 'm', loadMillis: 1, modelBytes: 1 } };

/** Leases of a worker whose models come when the test says so. */
function openLeases() {
  const said: ToWorker[] = [];
  const released: number[] = [];
  const asked: (PromiseWithResolvers<ModelLease> & { readonly signal: AbortSignal })[] = [];
  const leases = new WorkerLeases({
    onLease: (_, { signal }) => {
      const lease = Promise.withResolvers<ModelLease>();
      signal.addEventListener('abort', () => lease.reject(signal.reason));
      asked.push({ ...lease, signal });
      return lease.promise;
    },
    onRelease: (model) => released.push(model),
    post: (message) => said.push(message),
  });
  return { leases, said, released, asked };
}

async function turn(): Promise<void> {
  await new Promise(setImmediate);
}

test('WorkerLeases gives back what a worker that is gone held, as often as it did, and what it waited for', async () => {
  const { leases, said, released, asked } = openLeases();
  for (const request of [1, 2, 3, 4]) leases.handle({ kind: 'lease', request, models: [3, 4] });
  for (const { resolve } of asked.slice(0, 3)) resolve(LEASE);
  await turn();
  expect(said).toEqual([1, 2, 3].map((request) => ({ kind: 'leased', request, lease: LEASE })));
  leases.handle({ kind: 'release', model: 3 });
  expect(released).toEqual([3]);
  leases.giveBack();
  leases.giveBack();
  await turn();
  expect(released).toEqual([3, 3, 3]);
  expect(asked[3]?.signal.aborted).toBe(true);
  expect(said).toHaveLength(3);
});

test('WorkerLeases gives back a model that comes when the worker is gone, and nothing that it did not hold', async () => {
  const { leases, said, released, asked } = openLeases();
  leases.handle({ kind: 'lease', request: 1, models: [3] });
  asked[0]?.resolve(LEASE);
  leases.giveBack();
  await turn();
  expect(released).toEqual([3]);
  leases.handle({ kind: 'release', model: 3 });
  expect(released).toEqual([3]);
  expect(said).toEqual([]);
});

test('WorkerLeases says nothing of a lease that was cancelled, and that of one that fails may be asked for again', async () => {
  const { leases, said, asked } = openLeases();
  leases.handle({ kind: 'lease', request: 1, models: [3] });
  leases.handle({ kind: 'cancelLease', request: 1 });
  leases.handle({ kind: 'cancelLease', request: 99 });
  leases.handle({ kind: 'lease', request: 2, models: [3] });
  asked[1]?.reject(new Error('the models were closed'));
  await turn();
  const error = { name: 'Error', message: 'the models were closed', disposition: 'retry' };
  expect(said).toMatchObject([{ kind: 'leased', request: 2, lease: { model: 3, ok: false, error } }]);
});
