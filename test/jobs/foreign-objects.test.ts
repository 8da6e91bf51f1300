import { describe, expect, test } from 'vitest';
import { rejectObject } from '../../lib/jobs/intake/reject-object.ts';
import { recordJob } from '../../lib/jobs/job-record.ts';
import { shownJobId } from '../../lib/jobs/job.ts';
import { putAnswer } from '../../lib/jobs/processing/put-answer.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';
import { memoryObjectStore } from './memory-ports.ts';
import { jobOf } from './stored-job.ts';

const BUCKET = 'out';

function outputBucket() {
  return { store: memoryObjectStore(), bucket: BUCKET };
}

describe('objects that the fabric did not write, in its output bucket', () => {
  test.each([
    ['part-00000-of-00002.jsonl', 'of another program'],
    ['_errors/errors-00001-of-00002.jsonl', 'of another program'],
    ['_manifest.json', '{"status":"complete"}'],
    ['_SUCCESS', ''],
    ['_job.json', 'nightly'],
    ['_job.json', '{"name":"train"}'],
  ])('keep their folder to themselves: %s', async (name, text) => {
    const output = outputBucket();
    const job = jobOf(2);
    const key = `numbers/n.jsonl/${name}`;
    await output.store.put({ bucket: BUCKET, key }, text);
    const recorded = await recordJob(job, output);
    expect(recorded.folder).toBe(`numbers/n.jsonl@${shownJobId(job.id)}`);
    expect(output.store.text(BUCKET, key)).toBe(text);
    expect(await recordJob(job, output)).toEqual(recorded);
  });

  test.each(['notes.txt', 'part-of-mine.jsonl', 'b/_job.json', 'b/part-00000-of-00001.jsonl'])(
    'share a folder with results that they are not in the place of: %s',
    async (name) => {
      const output = outputBucket();
      await output.store.put({ bucket: BUCKET, key: `numbers/n.jsonl/${name}` }, 'mine');
      expect((await recordJob(jobOf(2), output)).folder).toBe('numbers/n.jsonl');
    },
  );

  test.each([
    ['{"id":"mine"}', false],
    ['', false],
    ['{"id":"b.png#0","prediction":1}', false],
    // As `fabric run` writes it.
    ['{"id":"a.png#0","prediction":1,"model":[]}\n', true],
  ])('are no answers: %j is replaced: %s', async (text, isReplaced) => {
    const output = outputBucket();
    const key = 'images/a.png.json';
    await output.store.put({ bucket: BUCKET, key }, text);
    const line = '{"id":"a.png#0","prediction":2,"model":[]}';
    const put = putAnswer({ key, line, failed: false, metadata: { etag: 'e1' }, replaces: () => true }, output);
    if (isReplaced) await expect(put).resolves.toBe(true);
    else await expect(put).rejects.toMatchObject({ code: 'NOT_AN_ANSWER' });
    expect(output.store.text(BUCKET, key)?.trimEnd()).toBe(isReplaced ? line : text);
  });

  test.each([
    ['mine', false],
    ['{"key":"p/_b","reason":"no","at":"then"}\n', false],
    ['{"key":"p/_a","reason":"no","at":"then"}\n', true],
  ])('are no explanations: %j is replaced: %s', async (text, isReplaced) => {
    const output = outputBucket();
    const key = '_rejected/p/_a.json';
    await output.store.put({ bucket: BUCKET, key }, text);
    await rejectObject(
      { bucket: 'in', key: 'p/_a' },
      { reason: 'why', pipeline: 'p' },
      { output, telemetry: SILENT, now: () => 0 },
    );
    expect(output.store.text(BUCKET, key)).toEqual(isReplaced ? expect.stringContaining('"why"') : text);
  });
});
