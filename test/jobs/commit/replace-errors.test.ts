import { describe, expect, test } from 'vitest';
import { partPlace } from '../../../lib/jobs/output-layout.ts';
import { replaceErrors } from '../../../lib/jobs/commit/replace-errors.ts';
import { settlePart } from '../../../lib/jobs/commit/settle-part.ts';
import { memoryObjectStore, memoryQueue } from '../memory-ports.ts';
import { commitBundle, type End, failed, PIPELINE, recordJobOf } from '../stored-job.ts';

/** A part with a failure whose errors are not in their place yet, and what comes in between when they are copied there. */
async function committedPart() {
  const store = memoryObjectStore();
  const output = { store, bucket: 'out' };
  const recorded = await recordJobOf(1, output);
  const place = partPlace(recorded, 0);
  const first = await commitBundle(recorded, 0, [failed('map'), 'b'], { output, settle: false });
  return {
    output,
    place,
    first,
    errors: () => store.text('out', place.errors),
    replace: async (ends: readonly End[]) => {
      const second = await commitBundle(recorded, 0, ends, { output, settle: false, replaces: first });
      await replaceErrors(place, second, output);
    },
    beforeCopy: (work: () => Promise<void>) => {
      store.faults.before = async ({ operation }) => {
        if (operation !== 'copy') return;
        store.faults.before = undefined;
        await work();
      };
    },
  };
}

describe('the errors of a part that is redriven meanwhile', () => {
  const deadLetters = memoryQueue();

  test('are not put back by a redelivery that read the part before, where none are left', async () => {
    const { output, place, first, errors, replace, beforeCopy } = await committedPart();
    beforeCopy(() => replace(['a', 'b']));
    await settlePart(place, first, { pipeline: PIPELINE, deadLetters, output });
    expect(errors()).toBeUndefined();
  });

  test('are those of the last part, whoever puts them there last', async () => {
    const { output, place, first, errors, replace, beforeCopy } = await committedPart();
    beforeCopy(() => replace(['a', failed('inference')]));
    await replaceErrors(place, first, output);
    expect(errors()).toContain('"stage":"inference"');
    expect(errors()).not.toContain('"stage":"map"');
  });
});
