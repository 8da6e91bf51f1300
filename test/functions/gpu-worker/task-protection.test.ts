import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { putToEcsAgent, type ProtectionState, TaskProtection } from '../../../functions/gpu-worker/task-protection.ts';
import { VirtualClock } from '../../remote/virtual-clock.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function protectionBench() {
  const clock = new VirtualClock();
  const asked: [secs: number, isProtected: boolean, minutes?: number][] = [];
  const warnings: string[] = [];
  const agent = { refuses: false, takesMillis: 0 };
  const put = async ({ ProtectionEnabled, ExpiresInMinutes }: ProtectionState): Promise<void> => {
    const minutes = ExpiresInMinutes === undefined ? ([] as const) : ([ExpiresInMinutes] as const);
    asked.push([clock.now() / SECOND, ProtectionEnabled, ...minutes]);
    if (agent.takesMillis > 0) await clock.sleep(agent.takesMillis);
    if (agent.refuses) throw new Error('the ECS agent returned 400: no');
  };
  const telemetry = { info: () => {}, warn: (message: string) => void warnings.push(message) };
  return { clock, asked, warnings, agent, protection: new TaskProtection({ put, telemetry, clock }) };
}

describe('the protection of a task', () => {
  test('begins with its work, is renewed in time, and ends a moment after it', async () => {
    const { clock, asked, protection } = protectionBench();
    await clock.advance(MINUTE);
    expect(asked).toEqual([]);
    protection.setBusy(true);
    await clock.advance(11 * MINUTE);
    protection.setBusy(false);
    await clock.advance(MINUTE);
    await protection[Symbol.asyncDispose]();
    expect(asked).toEqual([
      [60, true, 15],
      [360, true, 15],
      [660, true, 15],
      [725, false],
    ]);
  });

  test('outlasts a moment without work, and is still renewed after it', async () => {
    const { clock, asked, protection } = protectionBench();
    for (let times = 0; times < 40; times += 1) {
      protection.setBusy(true);
      await clock.advance(6 * SECOND);
      protection.setBusy(false);
      await clock.advance(4 * SECOND);
    }
    expect(asked).toEqual([
      [0, true, 15],
      [300, true, 15],
    ]);
  });

  test('begins again at once for work that comes while it is being ended', async () => {
    const { clock, asked, agent, protection } = protectionBench();
    agent.takesMillis = SECOND;
    protection.setBusy(true);
    await clock.advance(10 * SECOND);
    protection.setBusy(false);
    await clock.advance(5.5 * SECOND);
    protection.setBusy(true);
    await clock.advance(MINUTE);
    expect(asked).toEqual([
      [0, true, 15],
      [15, false],
      [16, true, 15],
    ]);
  });

  test('is given up while there are too many tasks, and begins again when there are not', async () => {
    const { clock, asked, protection } = protectionBench();
    protection.setBusy(true);
    await clock.advance(MINUTE);
    protection.setTooMany(true);
    await clock.advance(10 * SECOND);
    protection.setBusy(false);
    protection.setBusy(true);
    await clock.advance(20 * MINUTE);
    protection.setTooMany(true);
    protection.setTooMany(false);
    await clock.advance(MINUTE);
    expect(asked).toEqual([
      [0, true, 15],
      [65, false],
      [1270, true, 15],
    ]);
  });

  test('has a pause of a minute each hour, in which a deployment can end the task', async () => {
    const { clock, asked, protection } = protectionBench();
    protection.setBusy(true);
    await clock.advance(125 * MINUTE);
    const changes = asked.filter(([, isProtected], index) => isProtected !== asked[index - 1]?.[1]);
    expect(changes).toEqual([
      [0, true, 15],
      [60 * 60, false],
      [61 * 60, true, 15],
      [121 * 60, false],
      [122 * 60, true, 15],
    ]);
    expect(asked).toHaveLength(12 + 1 + 12 + 1 + 1);
  });

  test('does not begin for work while there are too many tasks', async () => {
    const { clock, asked, protection } = protectionBench();
    protection.setTooMany(true);
    protection.setBusy(true);
    await clock.advance(MINUTE);
    expect(asked).toEqual([]);
  });

  test('that the agent refuses is told, and asked for again', async () => {
    const { clock, asked, warnings, agent, protection } = protectionBench();
    agent.refuses = true;
    protection.setBusy(true);
    await clock.advance(MINUTE);
    agent.refuses = false;
    await clock.advance(MINUTE);
    expect(asked.map(([secs]) => secs)).toEqual([0, 30, 60, 90]);
    expect(warnings).toHaveLength(3);
    expect(new Set(warnings)).toEqual(new Set(['could not set the protection of the task']));
  });

  test('ends with the worker', async () => {
    const { clock, asked, protection } = protectionBench();
    protection.setBusy(true);
    await clock.advance(SECOND);
    await protection[Symbol.asyncDispose]();
    await clock.advance(MINUTE);
    expect(asked.map(([, isProtected]) => isProtected)).toEqual([true, false]);
  });
});

describe('the ECS agent', () => {
  test.each([
    [200, { protection: { ProtectionEnabled: true } }, undefined],
    [200, { failure: { Reason: 'TASK_NOT_VALID' } }, 'the ECS agent returned 200: TASK_NOT_VALID'],
    [400, { error: { Code: 'ThrottlingException' } }, 'the ECS agent returned 400: ThrottlingException'],
    [500, 'no JSON', 'the ECS agent returned 500: no reason given'],
  ])('that answers %i and %o', async (status, body, message) => {
    const server = createServer((_request, response) => {
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const put = putToEcsAgent(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/x`);
    const asking = put({ ProtectionEnabled: true, ExpiresInMinutes: 15 });
    if (message === undefined) await asking;
    else await expect(asking).rejects.toThrow(message);
  });
});
