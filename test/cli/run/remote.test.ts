import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AnsweringServer, startAnsweringServer } from '../../inference/answering-server.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { fabric, filesBelow, startFabric } from '../run-fabric.ts';

const config = fileURLToPath(new URL('../../inference/fixtures/remote.config.ts', import.meta.url));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

let server: AnsweringServer;
beforeEach(async () => {
  server = await startAnsweringServer();
  return () => server[Symbol.asyncDispose]();
});

async function setUp(numbers: readonly number[], pipeline = 'single') {
  const root = await temporaryFolder();
  const input = await writeIn(root, 'n.jsonl', numbers.map((n) => `${n}\n`).join(''));
  const folder = join(root, 'out', pipeline, 'n.jsonl');
  const args = (...flags: readonly string[]): string[] => [
    'run',
    pipeline,
    input,
    ...flags,
    '--output',
    join(root, 'out'),
    '--config',
    config,
    '--workers',
    '1',
    '--json',
  ];
  const options = { env: { DOUBLER_URL: server.url } };
  return { root, folder, args, options };
}

describe('fabric run with a remote model', () => {
  test('says how many requests it made, and how many of them were throttled', async () => {
    let throttles = 2;
    server.reply = () => {
      throttles -= 1;
      return throttles >= 0 ? { status: 429, retryAfterSecs: 0 } : {};
    };
    const { args, options } = await setUp(upTo(10));
    const { status, stdout } = await fabric(args(), options);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ succeeded: 10, failed: 0, requests: { made: 12, throttled: 2 } });
  });

  test('pays for nothing twice where it is interrupted and goes on with --resume', async () => {
    const held = Promise.withResolvers<void>();
    server.reply = async ([n]) => {
      if (n === 0) await held.promise;
      return {};
    };
    const { args, options, root } = await setUp(upTo(20));
    const running = startFabric(args(), options);
    await server.received(12);
    running.child.kill('SIGINT');
    expect((await running.ended).status).toBe(130);
    held.resolve();
    const answered = server.answers.size;
    expect(answered).toBeGreaterThanOrEqual(10);
    const { status } = await fabric(args('--resume'), options);
    expect(status).toBe(0);
    expect([...server.answers.values()].filter((times) => times > 1)).toEqual([]);
    expect(server.answers.size).toBe(20);
    const left = (await filesBelow(join(root, 'out'))).filter((path) => path.endsWith('.answers'));
    expect(left).toEqual([]);
  });

  test('ends by the name of an endpoint that can not be reached, and leaves its elements alone', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const { args, folder } = await setUp(upTo(5));
    const ended = await fabric(args(), { env: { DOUBLER_URL: `http://127.0.0.1:${port}/` } });
    expect(ended).toMatchObject({ status: 1 });
    expect(ended.stderr).toMatch(/^fabric: the doubler: .*ECONNREFUSED/);
    expect((await filesBelow(folder)).filter((path) => path.includes('part-'))).toEqual([]);
  });

  test('ends where the endpoint takes none of its requests', async () => {
    server.reply = () => ({ status: 401 });
    const { args, options } = await setUp(upTo(5));
    const ended = await fabric(args(), options);
    expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining('the doubler') as string });
  });
});
