import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Estimate } from '../../../cli/estimate/estimate.ts';
import { startAnsweringServer } from '../../inference/answering-server.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { numbers, wine } from '../example-inputs.ts';
import type { EndedHere } from '../../fabric-here.ts';
import { configPath, fabric, type FabricOptions, filesBelow, startFabric } from '../run-fabric.ts';

const remoteConfig = fileURLToPath(new URL('../../inference/fixtures/remote.config.ts', import.meta.url));

interface EstimateArgs {
  readonly flags?: readonly string[];
  readonly config?: string;
}

function estimateArgs(
  pipeline: string,
  inputs: readonly string[],
  { flags = [], config = configPath }: EstimateArgs = {},
): string[] {
  return ['run', pipeline, ...inputs, '--estimate', '--sample-secs', '1', '--config', config, ...flags];
}

function estimated({ stdout, stderr }: EndedHere): Estimate {
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout) as Estimate;
}

describe('fabric run --estimate', () => {
  test('says what an input takes and costs in each kind of place, with the first predictions, and writes nothing', async () => {
    const folder = await temporaryFolder();
    const flags = ['--json', '--output', join(folder, 'out')];
    const ended = await fabric(estimateArgs('wine', [wine], { flags }), { cwd: folder });
    expect(ended.status).toBe(0);
    const { input, sample, measured, costs, modelLoadSecs, peakMemoryMb, inferencesOn, requests } = estimated(ended);
    expect(input).toEqual({ elements: 54, isExact: true, bundles: 1 });
    expect(sample).toMatchObject({ elements: 54, failed: 0, failures: [], isRepeated: true });
    expect(sample.predictions).toHaveLength(3);
    expect(sample.predictions[0]).toMatchObject({ id: 'wine-007', prediction: { label: 0 } });
    expect({ inferencesOn, requests }).toEqual({ inferencesOn: {}, requests: 0 });
    expect(modelLoadSecs).toBeGreaterThan(0);
    // A model's process and this one have Node.js and onnxruntime in memory.
    expect(peakMemoryMb).toBeGreaterThan(60);
    expect(measured?.cpuSecsPerElement).toBeGreaterThan(measured?.engineCpuSecsPerElement ?? NaN);
    expect(costs?.places.map(({ name }) => name)).toEqual([
      'Lambda arm64',
      'Lambda x86_64',
      'm7i.large',
      'g4dn.xlarge',
      'g6.xlarge',
      'g5.xlarge',
    ]);
    const [arm, x86, cpu, ...gpus] = costs?.places ?? [];
    expect(arm?.figures?.dollars).toBeLessThan(x86?.figures?.dollars ?? NaN);
    // A container starts for minutes to work for a moment.
    expect(arm?.figures?.dollars).toBeLessThan(cpu?.figures?.dollars ?? NaN);
    expect(costs).toMatchObject({ cheapest: 'Lambda arm64', lambdaMemoryMb: 2048 });
    expect(costs?.crossings[0]?.elements).toBeGreaterThan(54);
    for (const { figures, pays } of gpus) expect([figures, (pays?.cores ?? 0) > 1]).toEqual([undefined, true]);
    expect(await filesBelow(folder)).toEqual([]);
  });

  test('prints tables of 80 columns, ends with 3 where elements of the sample failed, and says why', async () => {
    const folder = await temporaryFolder();
    const rows = Array.from({ length: 30 }, (_, index) => `r${index},1,2,3\n`).join('');
    const input = await writeIn(folder, 'rows.csv', `id,a,b,c\n${rows}bad,1,2\nworse,1,x,3\n`);
    const prices = await writeIn(folder, 'prices.json', '{"lambdaArm64GbSec":1}');
    const { status, stdout, stderr } = await fabric(estimateArgs('rows', [input], { flags: ['--prices', prices] }));
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toMatch(/elements +│ 32, in 1 bundle/);
    expect(stdout).toMatch(/sample +│ 32 elements, 2 failed/);
    expect(stdout).toMatch(/at read +│ ColumnCountMismatch: /);
    expect(stdout).toMatch(/predictions +│ \{"id":"r0","prediction":/);
    expect(stdout).toMatch(/\nplace +s per 1,000 +this input +costs +per million\n/);
    expect(stdout).toMatch(/\nm7i.large, 2 vCPUs +[\d.]+ +\d+ min, 1 task +\$[\d.]+ +\$[\d.]+\n/);
    expect(stdout).toMatch(/\ng6.xlarge, L4 +\? +\? +> \$[\d.]+ +\?\n/);
    // With such a price for arm64.
    expect(stdout).toContain('Cheapest for this input: Lambda x86_64');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      `Prices are those in ${prices}, otherwise us-east-1 list prices of`,
    );
  });

  test('estimates nothing if all of the sample failed, or the input is empty', async () => {
    const folder = await temporaryFolder();
    const failing = await writeIn(folder, 'n.jsonl', `${numbers(-1, -2)}not json\n`);
    const ended = await fabric(estimateArgs('numbers', [failing], { flags: ['--json'] }));
    const { costs, measured, sample, notes } = estimated(ended);
    expect({ status: ended.status, costs, measured }).toEqual({ status: 3, costs: null, measured: null });
    expect(sample).toMatchObject({ elements: 3, failed: 3, failedByStage: { map: 2, read: 1 } });
    expect(sample.failures.map(({ id, stage, error }) => `${id} ${stage} ${error.name}`)).toEqual([
      'n.jsonl#0 map RangeError',
      'n.jsonl#18 read JsonSyntaxError',
    ]);
    expect(notes).toEqual(['all elements of the sample failed (3): there is nothing to estimate from']);
    const empty = await fabric(
      estimateArgs('numbers', [await writeIn(folder, 'empty.jsonl', '')], { flags: ['--json'] }),
    );
    expect(empty.status).toBe(0);
    expect(estimated(empty)).toMatchObject({ input: { elements: 0, isExact: true, bundles: 0 }, costs: null });
  });

  test('asks an endpoint for nothing twice, and has no GPU where a model is served elsewhere', async () => {
    const folder = await temporaryFolder();
    await using server = await startAnsweringServer();
    const input = await writeIn(folder, 'n.jsonl', Array.from({ length: 12 }, (_, n) => `${n}\n`).join(''));
    const args = estimateArgs('single', [input], { flags: ['--json', '--limit', '10'], config: remoteConfig });
    const ended = await fabric(args, { env: { DOUBLER_URL: server.url } });
    expect(ended.status).toBe(0);
    const { sample, costs, requests, notes } = estimated(ended);
    expect(sample).toMatchObject({ elements: 10, isRepeated: false });
    expect(server.requests.flat().sort((one, other) => one - other)).toEqual([...Array(10).keys()]);
    expect(requests).toBe(10);
    expect(costs?.places.map(({ kind }) => kind)).toEqual(['lambda', 'lambda', 'cpu']);
    expect(notes[0]).toMatch(/^10 requests went to endpoints; /);
  });

  test('ends with 130 when it is interrupted, and leaves nothing behind', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', numbers(1, 2, 3, 4, 5));
    const { env, waiting } = await openGate(folder);
    const before = await filesBelow(folder);
    const { child, ended } = startFabric(estimateArgs('gated', [input]), { env: { ...env, TMPDIR: folder } });
    await waiting;
    child.kill('SIGINT');
    const { status, stdout, stderr } = await ended;
    expect({ status, stdout, stderr }).toEqual({
      status: 130,
      stdout: '',
      stderr: 'fabric: interrupted; nothing was written\n',
    });
    expect(await filesBelow(folder)).toEqual(before);
  });
});

/** Where the handler of `gated` asks whether it may go on: it is never told. */
async function openGate(folder: string): Promise<FabricOptions & { readonly waiting: Promise<unknown> }> {
  const path = join(folder, 'gate.sock');
  const server = createServer((socket: Socket) => socket.on('error', () => {}).resume());
  const waiting = once(server, 'connection');
  server.listen(path);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { env: { GATE: path }, waiting };
}

describe('fabric run --estimate, used wrongly', () => {
  test.each([
    ['--resume', ['--estimate', '--resume'], "'--resume' cannot be used with '--estimate', which writes nothing"],
    [
      '--overwrite',
      ['--estimate', '--overwrite'],
      "'--overwrite' cannot be used with '--estimate', which writes nothing",
    ],
    ['--dry-run', ['--estimate', '--dry-run'], "'--dry-run' cannot be used with '--estimate', which writes nothing"],
    ['prices without it', ['--prices', 'p.json', '--output', 'out'], "fabric: option '--prices' requires '--estimate'"],
    [
      'seconds without it',
      ['--sample-secs', '3', '--output', 'out'],
      "fabric: option '--sample-secs' requires '--estimate'",
    ],
    ['no seconds', ['--estimate', '--sample-secs', '0'], "argument '0' is invalid"],
  ])('refuses %s', async (_what, flags, message) => {
    const folder = await temporaryFolder();
    const { status, stdout, stderr } = await fabric(['run', 'wine', wine, '--config', configPath, ...flags], {
      cwd: folder,
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(await filesBelow(folder)).toEqual([]);
  });

  test('refuses prices that it does not know, or can not read', async () => {
    const folder = await temporaryFolder();
    const prices = join(folder, 'prices.json');
    await writeFile(prices, '{"g6.huge":1}');
    const unknown = await fabric(estimateArgs('wine', [wine], { flags: ['--prices', prices] }));
    expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining("there is no price 'g6.huge'")]);
    const missing = await fabric(estimateArgs('wine', [wine], { flags: ['--prices', join(folder, 'none.json')] }));
    expect([missing.status, missing.stderr]).toEqual([2, expect.stringContaining('none.json')]);
  });
});
