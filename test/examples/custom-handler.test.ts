import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readErrors, readResults } from '../../examples/read-results.ts';
import type { Whereabouts } from './custom-handler.config.ts';
import { fabricHere } from '../fabric-here.ts';
import { temporaryFolder } from './run-fabric.ts';

interface Run {
  readonly config: string;
  readonly pipeline: string;
  readonly input: string;
  readonly output: string;
}

/** The folder of the results of a run of which one element failed. */
async function runWithAFailure({ config, pipeline, input, output }: Run): Promise<string> {
  const { status, stderr } = await fabricHere(['run', pipeline, input, '--config', config, '--output', output]);
  expect(status, stderr).toBe(3);
  return join(output, pipeline);
}

describe('a handler of a user’s own', () => {
  test('answers with its own types, by its own model and its arguments; what it throws fails one element', async () => {
    await using output = await temporaryFolder();
    const config = 'examples/custom-handler/fabric.config.ts';
    const input = 'examples/custom-handler/reviews.txt';
    const folder = await runWithAFailure({ config, pipeline: 'reviews', input, output: output.path });
    const results = await readResults(join(folder, 'reviews.txt'));
    expect(results.map(({ input, prediction, model }) => ({ input, prediction, model }))).toEqual(
      [
        { input: 'Loved it: an excellent kettle.', score: 6, sentiment: 'positive' },
        // It would be positive without the pipeline's `inferenceArgs`.
        { input: 'Boring to look at, but it works, and it is comfortable to hold.', score: 1, sentiment: 'neutral' },
        { input: 'It came on a Tuesday.', score: 0, sentiment: 'neutral' },
        {
          input: 'Useless. Broken after a week, and the shop was slow to answer.',
          score: -6,
          sentiment: 'negative',
        },
        { input: 'Good enough.', score: 2, sentiment: 'positive' },
      ].map(({ input, ...prediction }) => ({ input, prediction, model: 'LexiconModelHandler' })),
    );
    const errors = await readErrors(join(folder, 'reviews.txt'));
    expect(errors.map(({ input, stage, error }) => ({ input, stage, error }))).toEqual([
      {
        input: '★★★★★',
        stage: 'inference',
        error: {
          name: 'RangeError',
          message: 'a review must have words: got none',
          at: expect.stringMatching(/^fabric\.config\.ts:\d+:\d+$/) as string,
        },
      },
    ]);
  });

  test('runs in a process of its own, with its environment, and may die there', async () => {
    await using output = await temporaryFolder();
    const input = join(output.path, 'words.txt');
    await writeFile(input, 'one\nexit\nthree\n');
    const config = 'test/examples/custom-handler.config.ts';
    const folder = await runWithAFailure({ config, pipeline: 'whereabouts', input, output: join(output.path, 'out') });
    const results = await readResults<Whereabouts, unknown>(join(folder, 'words.txt'));
    expect(results.map(({ prediction }) => prediction.length)).toEqual([3, 5]);
    for (const { prediction } of results) {
      expect(prediction.process).not.toBe(prediction.worker);
      expect(prediction.parent).toBe(prediction.worker);
      expect(prediction.loadedIn).toBe(prediction.process);
      expect(prediction.greeting).toBe('hello');
    }
    const errors = await readErrors(join(folder, 'words.txt'));
    expect(errors.map(({ stage, error }) => `${stage} ${error.name}`)).toEqual(['inference ModelHostCrashedError']);
  });
});
