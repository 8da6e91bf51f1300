import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dryRunReport } from '../../../cli/dry-run/dry-run-report.ts';
import { type DryRun, dryRunStatus } from '../../../cli/dry-run/dry-run.ts';
import { tryInputs } from '../../../cli/dry-run/try-inputs.ts';
import { defineFabric } from '../../../lib/config/fabric.ts';
import { map } from '../../../lib/config/steps.ts';
import type { Bundle, BundleSummary, OutcomeSink } from '../../../lib/inference/bundle.ts';
import { OutcomeLines } from '../../../lib/inference/worker/outcome-lines.ts';
import { readBundle } from '../../../lib/inference/worker/read-bundle.ts';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

const { pipelines } = defineFabric({
  pipelines: { numbers: { input: { format: 'jsonl' }, steps: [map((value: unknown) => value)] } },
});
const pipeline = pipelines['numbers'];
const signal = new AbortController().signal;

/** Reads bundles, and gives each element as its prediction; odd numbers fail. */
async function process(bundle: Bundle, sink: OutcomeSink): Promise<BundleSummary> {
  const lines = new OutcomeLines({ join: 'none', address: {}, shownPlace: (at) => at });
  if (pipeline === undefined) throw new TypeError('no pipeline');
  for await (const page of readBundle(bundle, { input: pipeline.input, signal, hasOutcomes: false })) {
    for (const item of page)
      if (Number(item.value) % 2 === 1) item.fail('map', new RangeError(`odd: ${String(item.input)}`));
    lines.addUntilReady(page, { start: 0, end: page.length, due: false });
  }
  const chunk = lines.drain();
  if (chunk !== undefined) await sink.write(chunk);
  return { total: 0, succeeded: 0, failed: 0, failedByStage: {}, models: {}, elapsedMillis: 0 };
}

async function tried(files: Readonly<Record<string, string>>, limit?: number) {
  const folder = await temporaryFolder();
  const paths: string[] = [];
  for (const [name, text] of Object.entries(files)) paths.push(await writeIn(folder, name, text));
  if (pipeline === undefined) throw new TypeError('no pipeline');
  const inputs = await findInputs(paths, pipeline.input.format);
  const options = { pipeline, pipelineName: 'numbers', limit, staging: join(folder, 'staging'), signal };
  return tryInputs(inputs, { process }, { ...options, onProgress: () => {} });
}

const numbers = Array.from({ length: 25 }, (_, n) => `${n}\n`).join('');

describe('tryInputs', () => {
  test('takes the first ten elements of each input, and keeps three predictions and the reasons of failures', async () => {
    const { seen, failures, inputs, unreadable } = await tried({ 'a.jsonl': numbers, 'b.jsonl': '2\n4\n' });
    expect(seen.tally).toMatchObject({ total: 12, succeeded: 7, failed: 5 });
    expect(seen.predictions.map((line) => (JSON.parse(line) as { prediction: number }).prediction)).toEqual([0, 2, 4]);
    expect(failures.list()).toMatchObject([{ stage: 'map', error: { message: 'odd: 1' }, count: 5 }]);
    expect({ inputs, unreadable }).toEqual({ inputs: 2, unreadable: [] });
  });

  test('takes fewer where a limit says so', async () => {
    expect((await tried({ 'a.jsonl': numbers }, 3)).seen.tally.total).toBe(3);
    expect((await tried({ 'a.jsonl': numbers }, 1000)).seen.tally.total).toBe(10);
  });

  test('goes on with the others where an input can’t be read', async () => {
    const { seen, inputs, unreadable } = await tried({ 'a.jsonl': 'PAR1\0\0', 'b.jsonl': '2\n4\n' });
    expect(seen.tally.total).toBe(2);
    expect(inputs).toBe(1);
    expect(unreadable).toMatchObject([{ input: expect.stringContaining('a.jsonl') as unknown }]);
  });
});

const fine: DryRun = {
  dryRun: true,
  pipeline: 'numbers',
  inputs: 1,
  triedInputs: 1,
  models: 1,
  signatures: [],
  total: 10,
  succeeded: 10,
  failed: 0,
  predictions: [],
  failureGroups: [],
  missingFields: [],
  unreadable: [],
};
const failed = { total: 10, succeeded: 9, failed: 1 };
const missing = { option: 'input.id', field: 'customerid', name: 'a.csv', elements: 10, fields: ['id'] } as const;
const misspelt = { ...missing, option: 'inputs', field: 'hight', others: 1 } as const;

describe('the end of a dry run', () => {
  test.each([
    [0, 'OK: 1 pipeline, 1 model, 1 input (dry run, 10 elements, nothing written)', {}],
    [3, 'FAILED: 1 element failed (dry run, 10 elements, nothing written)', failed],
    [
      2,
      "FAILED: no element has the field 'customerid' of input.id (dry run, 10 elements, nothing written)",
      { missingFields: [missing] },
    ],
    [
      2,
      "FAILED: no element has the field 'hight' and 1 more of the model's 'inputs' (dry run, 10 elements, nothing written)",
      { missingFields: [misspelt] },
    ],
    [
      1,
      "FAILED: 1 element failed, 1 input can't be run (dry run, 10 elements of 1 input, nothing written)",
      { ...failed, inputs: 2, unreadable: [{ input: 'b', reason: 'no' }] },
    ],
  ])('has status %i and says: %s', (status, line, changes: Partial<DryRun>) => {
    const dryRun = { ...fine, ...changes };
    expect(dryRunStatus(dryRun)).toBe(status);
    expect(dryRunReport(dryRun, undefined).split('\n').at(-1)).toBe(line);
  });

  test('shows models with names, types and shapes, and predictions cut to the terminal alone', () => {
    const tensor = { datatype: 'FP32', shape: ['', 30, 'words', -1, ''] } as const;
    const signature = { place: 'p/steps[0].handler', model: 'abc', inputs: [{ name: 'X', ...tensor }] };
    const outputs = [{ name: 'y', datatype: 'INT64', shape: [4] } as const];
    const dryRun: DryRun = {
      ...fine,
      signatures: [{ ...signature, outputs }],
      predictions: [{ id: 'a', prediction: 'long '.repeat(20) }],
    };
    expect(dryRunReport(dryRun, 40).split('\n').slice(0, 5)).toEqual([
      'model abc (p/steps[0].handler)',
      "  input 'X': FP32 [batch, 30, words, any, any]",
      "  output 'y': INT64 [4]",
      'predictions',
      '  {"id":"a","prediction":"long long lon…',
    ]);
    expect(dryRunReport(dryRun, undefined)).toContain('long '.repeat(20));
  });
});
