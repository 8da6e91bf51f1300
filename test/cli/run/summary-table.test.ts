import { expect, test } from 'vitest';
import { summaryTable } from '../../../cli/run/summary-table.ts';
import type { RunSummary } from '../../../cli/run/summary.ts';

const SUMMARY: RunSummary = {
  pipeline: 'wine',
  output: 'out',
  total: 1234,
  succeeded: 1232,
  failed: 2,
  resumed: 1000,
  failedByStage: { read: 2 },
  stopped: 0,
  incomplete: 0,
  limited: 0,
  unfinished: [],
  rejected: [],
  failureGroups: [],
  otherFailures: 0,
  elapsedSecs: 1.773,
  spent: { startSecs: 0.5, inferenceSecs: 1.2, workerSecs: 0.3 },
  bottleneck: 'the model, 80% of the work',
  elementsPerSec: 30,
  batchSizes: { batches: 19, mean: 2.8, min: 1, max: 8 },
  packed: 1000,
  modelLoadSecs: 0.2,
  modelLoads: 3,
  modelEvictions: 1,
  requests: { made: 2000, throttled: 3, retried: 1, meanMillis: 12.5, waitedSecs: 0 },
  models: {},
  results: ['out/wine/a.jsonl'],
};

test('a summary shows counts, time, batches, model loads and requests', () => {
  const rows = summaryTable(SUMMARY)
    .split('\n')
    .slice(1, -1)
    .map((line) => line.split('│').map((cell) => cell.trim()));
  expect(rows.map(([, label, value]) => [label, value])).toEqual([
    ['pipeline', 'wine'],
    ['succeeded', '1,232'],
    ['failed', '2'],
    ['at read', '2'],
    ['resumed', '1,000'],
    ['time', '1.8 s (30 elements/s)'],
    ['spent', 'start 0.5 s, model 1.2 s, workers 0.3 s'],
    ['bottleneck', 'the model, 80% of the work'],
    ['batches', '19 (size 1-8, mean 2.8)'],
    ['read', '1,000 of 1,234 straight into tensors'],
    ['model load', '3 loads, 0.2 s each, 1 evicted'],
    ['requests', '2,000, 12.5 ms each, 3 throttled, 1 retried'],
    ['results', 'out/wine/a.jsonl'],
  ]);
});
