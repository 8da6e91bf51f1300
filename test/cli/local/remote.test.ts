import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Manifest } from '../../../lib/jobs/manifest.ts';
import type { MessageQueue } from '../../../lib/stores/message-queue.ts';
import { startAnsweringServer } from '../../inference/answering-server.ts';
import { withEnvironment } from '../../remote/environment.ts';
import { QuotaServer, REFUSED_INSTANCE } from '../../remote/quota-server.ts';
import { type LocalSession, localSession } from './local-session.ts';

const configUrl = new URL('fixtures/remote.config.ts', import.meta.url);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const linesOf = (inputs: readonly unknown[]): string => inputs.map((n) => `${JSON.stringify({ n })}\n`).join('');

/** A local fabric whose model is behind an address. */
async function sessionWith(url: string, timeoutSecs?: number): Promise<LocalSession> {
  const environment = withEnvironment({ QUOTA_URL: url });
  onTestFinished(() => environment[Symbol.dispose]());
  return localSession({ configUrl, ...(timeoutSecs === undefined ? {} : { timeoutSecs }) });
}

/** The lines of all files of a folder, in order. */
async function linesIn(folder: string): Promise<readonly Record<string, unknown>[]> {
  const parts = (await readdir(folder)).filter((name) => /^(?:part|errors)-/.test(name)).toSorted();
  const texts = await Promise.all(parts.map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => text.split('\n').filter(Boolean))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function manifestIn(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, '_manifest.json'), 'utf8')) as Manifest;
}

function bundleQueue({ fabric }: LocalSession): MessageQueue {
  const { queue } = fabric.queues.bundles.get('doubles') ?? {};
  if (queue === undefined) throw new Error('the fabric has no queue for doubles');
  return queue;
}

describe('a dropped file whose model is behind a quota', { timeout: 60_000 }, () => {
  test('comes out whole: each element answered once, none failed for the quota, the refused one alone', async () => {
    await using server = await QuotaServer.start({ rate: 40, burst: 2, latencyMillis: [5, 30] });
    server.mishaps.push('fail', 'hang up');
    const session = await sessionWith(server.url);
    const numbers = upTo(80);
    await session.drop('doubles/n.jsonl', linesOf(numbers.with(77, REFUSED_INSTANCE as never)));
    await session.done();
    expect(session.logged).toEqual([]);

    const folder = join(session.output, 'doubles/n.jsonl');
    const answered = numbers.filter((n) => n !== 77);
    expect((await linesIn(folder)).map(({ prediction }) => prediction)).toEqual(answered.map((n) => 2 * n));
    expect(server.answers).toEqual(new Map(answered.map((n) => [String(n), 1])));
    expect(server.counts.throttled).toBeGreaterThan(0);
    expect(server.counts.refused).toBe(1);

    const failed = {
      stage: 'inference',
      error: { name: 'EndpointRefusedError', message: expect.stringContaining('HTTP 400') as string },
      attempts: 1,
      input: { n: REFUSED_INSTANCE },
    };
    expect(await linesIn(join(folder, '_errors'))).toMatchObject([failed]);
    const letters =
      (await session.fabric.queues.deadLetters.get('doubles')?.receive({ maxMessages: 10, waitSecs: 1 })) ?? [];
    expect(letters.map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([{ ...failed, pipeline: 'doubles' }]);
    expect(await readFile(join(folder, '_SUCCESS'), 'utf8')).toBe('');
    const manifest = await manifestIn(folder);
    expect(manifest).toMatchObject({ status: 'complete', counts: { total: 80, succeeded: 79, failed: 1 } });
    expect(manifest.parts.length).toBeGreaterThan(2);
  });

  test('goes back to its queue where the endpoint asks for more time than a run has, and is done afterwards', async () => {
    await using server = await startAnsweringServer();
    let asked = 0;
    server.reply = ([n]) => {
      if (n !== 5) return {};
      asked += 1;
      return asked === 1 ? { status: 429, retryAfterSecs: 4 } : {};
    };
    const session = await sessionWith(server.url, 4);
    const sent = vi.spyOn(bundleQueue(session), 'send');
    await session.drop('doubles/n.jsonl', linesOf(upTo(9)));
    await session.done();
    expect(session.logged).toEqual([]);

    const handedBack = sent.mock.calls.flatMap(([messages]) => messages).filter(({ delaySecs = 0 }) => delaySecs > 0);
    expect(handedBack).toHaveLength(1);
    const [message] = handedBack;
    // What the endpoint asked for, and a moment that is chosen at random.
    expect(message?.delaySecs).toBeGreaterThanOrEqual(4);
    expect(message?.delaySecs).toBeLessThanOrEqual(5);
    expect(JSON.parse(message?.body ?? '')).toMatchObject({
      kind: 'bundle',
      firstSentAt: expect.any(Number) as number,
    });

    const folder = join(session.output, 'doubles/n.jsonl');
    expect((await linesIn(folder)).map(({ prediction }) => prediction)).toEqual(upTo(9).map((n) => 2 * n));
    expect([...server.answers.values()]).toEqual(upTo(9).map(() => 1));
    expect(server.requests).toHaveLength(10);
    expect(await manifestIn(folder)).toMatchObject({
      status: 'complete',
      counts: { total: 9, succeeded: 9, failed: 0 },
    });
  });
});
