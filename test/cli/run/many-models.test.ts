import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { mlp } from '../../../bench/models.ts';
import { random } from '../../../bench/random.ts';
import { shownDigest } from '../../../lib/models/model-digest.ts';
import { createHash } from 'node:crypto';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { fabric, type Line, linesIn } from '../run-fabric.ts';

const MODELS = 24;
const ELEMENTS = 20_000;
const WIDTH = 30;
/** What the config says of its keyed handler. */
const MAX_MODELS = 3;

const config = fileURLToPath(new URL('../fixtures/many-models.config.ts', import.meta.url));
const preload = new URL('../fixtures/report-hosts.ts', import.meta.url).href;

interface Row {
  readonly key: number;
  readonly x: readonly number[];
}

const next = random(MODELS);
const models = Array.from({ length: MODELS }, (_, model) => mlp(model + 1));
/** Of a few numbers, so that the file stays small. */
const patterns = Array.from({ length: 500 }, () =>
  Array.from({ length: WIDTH }, () => Number((next() - 0.5).toFixed(2))),
);
const rows: Row[] = Array.from({ length: ELEMENTS }, () => ({
  key: Math.floor(next() * MODELS),
  x: patterns[Math.floor(next() * patterns.length)] ?? [],
}));
/** What each row's own model gives for it, run alone. */
const expected = new Map<Row, readonly number[]>();

beforeAll(async () => {
  for (const [model, bytes] of models.entries()) {
    const own = rows.filter(({ key }) => key === model);
    const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
    const x = new Tensor('float32', Float32Array.from(own.flatMap((row) => row.x)), [own.length, WIDTH]);
    const { probabilities } = await session.run({ x });
    const values = probabilities?.data as Float32Array;
    own.forEach((row, index) => expected.set(row, [...values.subarray(2 * index, 2 * index + 2)]));
    await session.release();
  }
});

interface Run {
  readonly lines: readonly (Line & { readonly key?: string; readonly model?: string })[];
  /** For each model host, in the order of their starts, how many there were when it had started. */
  readonly alive: readonly number[];
}

async function run(pipeline: string): Promise<Run> {
  const folder = await temporaryFolder();
  await Promise.all(models.map((bytes, model) => writeIn(folder, `models/${model}.onnx`, bytes)));
  const input = rows.map(({ key, x }) => `{"key":"key-${key}","x":[${x.join(',')}]}\n`).join('');
  const path = await writeIn(folder, 'rows.jsonl', input);
  const report = await writeIn(folder, 'hosts', '');
  const output = join(folder, 'out');
  const args = ['run', pipeline, path, '--output', output, '--config', config, '--workers', '2', '--json'];
  const { status, stdout, stderr } = await fabric(args, {
    env: {
      MANY_MODELS: String(MODELS),
      MANY_MODELS_FOLDER: join(folder, 'models'),
      HOSTS_REPORT: report,
      NODE_OPTIONS: `--import=${preload}`,
    },
  });
  expect(status, stderr).toBe(0);
  const alive = (await readFile(report, 'utf8')).trim().split('\n').map(Number);
  expect(JSON.parse(stdout)).toMatchObject({
    total: ELEMENTS,
    succeeded: ELEMENTS,
    modelLoads: alive.length,
    modelEvictions: alive.length - MAX_MODELS,
  });
  return { lines: await linesIn(join(output, pipeline, 'rows.jsonl')), alive };
}

function expectOwnModels(lines: Run['lines']): void {
  const offsets = new Map<string, Row>();
  let offset = 0;
  for (const row of rows) {
    offsets.set(`rows.jsonl#${offset}`, row);
    offset += `{"key":"key-${row.key}","x":[${row.x.join(',')}]}\n`.length;
  }
  const labels = models.map((bytes) => shownDigest(createHash('sha256').update(bytes).digest('hex')));
  const wrong = lines.filter(({ id, key, model, prediction }) => {
    const row = offsets.get(id);
    if (row === undefined || key !== `key-${row.key}` || model !== labels[row.key]) return true;
    const { probabilities } = prediction as { readonly probabilities: readonly number[] };
    return probabilities.some((value, index) => !(Math.abs(value - (expected.get(row)?.[index] ?? NaN)) < 1e-6));
  });
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(new Set(lines.map(({ id }) => id)).size).toBe(ELEMENTS);
}

describe(`${MODELS} models of which ${MAX_MODELS} fit in memory`, () => {
  test('each answer for their own keys, in input order, and never are there more of them', async () => {
    const { lines, alive } = await run('mixed');
    expectOwnModels(lines);
    const positions = lines.map(({ id }) => Number(id.split('#')[1]));
    expect(positions.every((position, index) => index === 0 || position > (positions[index - 1] ?? 0))).toBe(true);
    expect(Math.max(...alive)).toBe(MAX_MODELS);
  }, 120_000);

  test('are loaded once each where bundles are made by key', async () => {
    const { lines, alive } = await run('grouped');
    expectOwnModels(lines);
    expect(Math.max(...alive)).toBeLessThanOrEqual(MAX_MODELS);
    expect(alive.length).toBe(MODELS);
  }, 120_000);
});
