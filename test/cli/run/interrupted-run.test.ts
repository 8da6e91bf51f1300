import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fabric, filesBelow, partsIn, runArgs, startFabric } from '../run-fabric.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

const COUNT = 60;
const STUCK_AT = 30;

/** Where the handler of the pipeline `gated` asks, for each batch, whether it may go on. */
async function openGate(folder: string) {
  const path = join(folder, 'gate.sock');
  const seen: number[][] = [];
  let closedAt: number | undefined;
  let stuck = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    createInterface({ input: socket }).once('line', (line) => {
      const batch = JSON.parse(line) as number[];
      seen.push(batch);
      if (closedAt === undefined || !batch.includes(closedAt)) socket.end('go');
      else stuck.resolve(socket);
    });
  });
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return {
    env: { GATE: path },
    /** Holds the batch that this number is in; gives its connection once it has come. */
    closeAt(number: number): Promise<Socket> {
      closedAt = number;
      stuck = Promise.withResolvers();
      return stuck.promise;
    },
    /** Lets everything through, and forgets what it saw. */
    open(): void {
      closedAt = undefined;
      seen.length = 0;
    },
    /** The numbers that were inferred on since it was opened. */
    get inferred(): ReadonlySet<number> {
      return new Set(seen.flat());
    },
  };
}

async function setUp() {
  const root = await temporaryFolder();
  const gate = await openGate(root);
  const lines = Array.from({ length: COUNT }, (_, n) => `{"n":${n}}\n`);
  const input = await writeIn(root, 'n.jsonl', lines.join(''));
  const args = (output: string, ...flags: readonly string[]): string[] =>
    runArgs('gated', [input], join(root, output), flags);
  const folder = (output: string): string => join(root, output, 'gated/n.jsonl');
  return { root, gate, args, folder };
}

/** What tells that a file is still the very same. */
async function identities(folder: string, names: readonly string[]): Promise<readonly bigint[]> {
  const stats = await Promise.all(names.map((name) => stat(join(folder, name), { bigint: true })));
  return stats.flatMap(({ ino, mtimeNs }) => [ino, mtimeNs]);
}

function numbersIn(parts: Readonly<Record<string, string>>): number[] {
  const lines = Object.values(parts).flatMap((text) => text.split('\n').filter(Boolean));
  return lines.map((line) => (JSON.parse(line) as { prediction: number }).prediction / 2);
}

describe('a run that is killed in the middle', () => {
  test('goes on with --resume to the same bytes as an uninterrupted run, and redoes nothing that was committed', async () => {
    const { root, gate, args, folder } = await setUp();
    const whole = await fabric(args('whole'), { env: gate.env });
    expect(whole.status).toBe(0);
    const expected = await partsIn(folder('whole'));
    expect(numbersIn(expected)).toEqual([...Array(COUNT).keys()]);

    const stuck = gate.closeAt(STUCK_AT);
    const killed = startFabric(args('out'), { env: gate.env });
    const host = await stuck;
    const hostGone = once(host, 'close');
    killed.child.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    // Its model host ends by itself, even in the middle of a batch.
    await hostGone;

    const committed = await partsIn(folder('out'));
    const names = Object.keys(committed);
    expect(names.length).toBeGreaterThan(0);
    expect(names.length).toBeLessThan(Object.keys(expected).length);
    expect(await filesBelow(folder('out'))).not.toContain('_SUCCESS');
    const before = await identities(folder('out'), names);

    gate.open();
    const resumed = await fabric(args('out', '--resume', '--json'), { env: gate.env });
    expect(resumed).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ total: COUNT, succeeded: COUNT });
    expect(await partsIn(folder('out'))).toEqual(expected);
    expect(await identities(folder('out'), names)).toEqual(before);
    expect(numbersIn(committed).filter((n) => gate.inferred.has(n))).toEqual([]);
    expect(gate.inferred.size).toBe(COUNT - numbersIn(committed).length);
    expect(await filesBelow(folder('out'))).toContain('_SUCCESS');
    const staging = await filesBelow(join(root, 'out/.fabric'));
    expect(staging.filter((path) => !path.endsWith('.note.json'))).toEqual([]);
  });
});

describe('a run that is at work', () => {
  test('keeps others out of its folder, and on Ctrl-C ends with 130, leaving no process and no loose end', async () => {
    const { root, gate, args, folder } = await setUp();
    const stuck = gate.closeAt(STUCK_AT);
    const first = startFabric(args('out'), { env: gate.env, detached: true });
    const { pid = 0 } = first.child;
    await stuck;

    const second = await fabric(args('out', '--resume'), { env: gate.env });
    expect(second).toMatchObject({ status: 1, stdout: '' });
    expect(second.stderr).toMatch(
      new RegExp(`^fabric: process ${pid} on \\S+ is using this folder: \\S+gated\\.lock\n$`),
    );

    // A terminal sends it to every process of the group.
    process.kill(-pid, 'SIGINT');
    expect(await first.ended).toEqual({
      status: 130,
      signal: null,
      stdout: '',
      stderr: "fabric: interrupted; committed results are kept; continue with '--resume'\n",
    });
    expect(() => process.kill(-pid, 0)).toThrow('ESRCH');
    expect(await filesBelow(folder('out'))).not.toContain('_SUCCESS');
    const staging = await filesBelow(join(root, 'out/.fabric'));
    expect(staging.filter((path) => !path.endsWith('.note.json'))).toEqual([]);

    gate.open();
    expect((await fabric(args('out', '--resume'), { env: gate.env })).status).toBe(0);
    expect(numbersIn(await partsIn(folder('out')))).toEqual([...Array(COUNT).keys()]);
  });

  test('ends in the same way on SIGTERM', async () => {
    const { gate, args } = await setUp();
    const stuck = gate.closeAt(STUCK_AT);
    const running = startFabric(args('out'), { env: gate.env });
    await stuck;
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ status: 130, stderr: expect.stringContaining('interrupted') });
  });
});
