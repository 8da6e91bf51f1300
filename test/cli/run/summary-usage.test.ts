import { expect, test } from 'vitest';
import { emptyTally } from '../../../lib/inference/tally.ts';
import { FailureGroups } from '../../../lib/jobs/report/failure-groups.ts';
import { RunClock } from '../../../cli/run/time-spent.ts';
import { summarize } from '../../../cli/run/summary.ts';
import { summaryTable } from '../../../cli/run/summary-table.ts';
import type { PartNote } from '../../../lib/jobs/part-note.ts';
import { Metrics } from '../../../lib/telemetry/metrics.ts';

const note: PartNote = {
  job: 'j',
  name: 'part-00000-of-00001.jsonl',
  elements: 1,
  bytes: 10,
  succeeded: 1,
  failedByStage: {},
  models: {},
  elapsedMillis: 1,
};
const usage = { inputTokens: 1000, cachedInputTokens: 400, outputTokens: 30, reasoningTokens: 10 };

function summaryOf(notes: readonly PartNote[], looseUsage?: PartNote['usage']) {
  const results = [{ job: { name: 'a' }, folder: 'out/p/a', status: 'complete', notes, cutOff: emptyTally() } as const];
  const loose = [
    { path: 'out/p/b.json', succeeded: true, stage: undefined, failure: undefined, models: {}, usage: looseUsage },
  ];
  const facts = {
    pipeline: 'p',
    output: 'out',
    resumed: 0,
    metrics: new Metrics(),
    elapsedMillis: 1000,
    rejected: [],
    failures: new FailureGroups(),
    clock: new RunClock(performance.now()),
  };
  return summarize({ ...facts, results: results as never, loose });
}

test('a summary has the tokens of all parts and answers', () => {
  const summary = summaryOf([{ ...note, usage }, note, { ...note, usage }], usage);
  expect(summary.usage).toEqual({
    inputTokens: 3000,
    cachedInputTokens: 1200,
    outputTokens: 90,
    reasoningTokens: 30,
  });
  expect(summaryTable(summary)).toContain('3,000 input (1,200 cached), 90 output (30 reasoning)');
  const plain = summaryOf([{ ...note, usage: { ...usage, cachedInputTokens: 0, reasoningTokens: 0 } }]);
  expect(summaryTable(plain)).toContain('1,000 input, 30 output');
});

test('a summary has no tokens where no model counts any', () => {
  const summary = summaryOf([note]);
  expect(summary).not.toHaveProperty('usage');
  expect(summaryTable(summary)).not.toContain('tokens');
});
