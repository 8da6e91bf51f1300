import { expect, test } from 'vitest';
import { OutcomeSpool } from '../../../lib/jobs/commit/outcome-spool.ts';
import { partPlace } from '../../../lib/jobs/output-layout.ts';
import { FOLDER_NAMES } from '../../../lib/jobs/part-names.ts';
import { resumePartial, stagePartial } from '../../../lib/jobs/attempt/partial-outcomes.ts';
import { memoryObjectStore } from '../memory-ports.ts';

const place = partPlace(
  { folder: 'chat/prompts.jsonl', names: FOLDER_NAMES, job: { pipeline: 'chat', id: 'a'.repeat(64), of: 1 } },
  0,
);
const usage = { inputTokens: 10, cachedInputTokens: 4, outputTokens: 3, reasoningTokens: 1 };

function chunkOf(line: string) {
  const results = new TextEncoder().encode(line);
  return { results, errors: new Uint8Array(), elements: 1, succeeded: 1, failed: {}, models: {}, usage };
}

test('an attempt that goes on from staged outcomes has their tokens, and adds its own', async () => {
  const output = { store: memoryObjectStore(), bucket: 'out' };
  await using first = await OutcomeSpool.open();
  await first.write(chunkOf('{"id":"a"}\n'));
  await stagePartial(place, { spool: first, elapsedMillis: () => 5 }, output);
  await using second = await OutcomeSpool.open();
  const { signal } = new AbortController();
  expect(await resumePartial(place, second, { ...output, signal })).toMatchObject({ elements: 1, usage });
  await second.write(chunkOf('{"id":"b"}\n'));
  expect(second.tally).toMatchObject({
    total: 2,
    usage: { inputTokens: 20, cachedInputTokens: 8, outputTokens: 6, reasoningTokens: 2 },
  });
});
