import { serialize } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { HostPool, type ServedAnswer } from '../../lib/hosts/host-pool.ts';
import type { RunRequest } from '../../lib/hosts/model-host.ts';
import { decodeValues } from '../../lib/models/encoded-batch.ts';
import type { Troubled } from '../inference/fixtures/trouble.config.ts';

function openPool(): HostPool {
  const configUrl = new URL('../inference/fixtures/trouble.config.ts', import.meta.url).href;
  const spec = { kind: 'config', configUrl, place: 'patient/steps[0].handler', className: 'Doubler' } as const;
  return new HostPool({ copies: 1, env: {}, load: { spec, threads: 1 }, loadTimeoutSecs: 20 });
}

function batchOf(elements: readonly Troubled[], timeoutMillis = 20_000): RunRequest {
  const fragments = [{ size: elements.length, rows: elements.length }];
  return { frame: { fragments }, groups: [[serialize(elements)]], timeoutMillis };
}

function valuesOf({ answer }: ServedAnswer): readonly unknown[] {
  return 'groups' in answer ? decodeValues({ kind: 'values', size: 0, chunks: answer.groups }) : [answer.frame.error];
}

describe('HostPool', () => {
  test('lays a death to the batch that the host was at, and runs the one that waited on the next host', async () => {
    await using pool = openPool();
    const fatal = pool.run(batchOf([{ n: 1, trouble: 'exit' }]));
    const waiting = [2, 3, 4].map((n) => pool.run(batchOf([{ n }])));
    await expect(fatal).rejects.toMatchObject({ name: 'ModelHostCrashedError', reason: 'crash' });
    expect((await Promise.all(waiting)).map(valuesOf)).toEqual([[4], [6], [8]]);
  });

  test('does not count the time that a batch waits for the one before it', async () => {
    await using pool = openPool();
    await pool.model;
    const slow = [1, 2, 3].map((n) => pool.run(batchOf([{ n, trouble: 'slow' }], 700)));
    expect((await Promise.all(slow)).map(valuesOf)).toEqual([[2], [4], [6]]);
  });

  test('notices the death of a host whose own child still holds its pipes', async () => {
    await using pool = openPool();
    const fatal = pool.run(batchOf([{ n: 1, trouble: 'exit-with-child' }]));
    await expect(fatal).rejects.toMatchObject({ message: expect.stringContaining('status 4') });
    expect(valuesOf(await pool.run(batchOf([{ n: 2 }])))).toEqual([4]);
  });

  test('ends a host that hangs when it is closed, and whatever waits', async () => {
    const pool = openPool();
    await pool.model;
    const hanging = expect(pool.run(batchOf([{ n: 1, trouble: 'spin' }]))).rejects.toThrow('SIGKILL');
    const waiting = [2, 3].map((n) => expect(pool.run(batchOf([{ n }]))).rejects.toThrow('closed'));
    await pool[Symbol.asyncDispose]();
    await Promise.all([hanging, ...waiting]);
  });
});
