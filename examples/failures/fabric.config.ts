import { defineFabric, ModelHandler, runInference } from 'inference-fabric';

/** The `name` of what a function throws is the failure's: make it one that others can rely on. */
class UnknownCommandError extends Error {
  override readonly name = 'UnknownCommandError';
}

/** A model that hangs, crashes or throws when it is told to. */
class UnrulyModelHandler extends ModelHandler<string, string, null> {
  override loadModel(): null {
    return null;
  }

  override runInference(batch: readonly string[]): readonly string[] {
    return batch.map((command) => {
      if (command === 'throw') throw new UnknownCommandError('it was told to throw');
      if (command === 'crash') process.exit(1);
      if (command === 'hang') for (;;);
      return command.toUpperCase();
    });
  }
}

function trimmed(line: string): string {
  if (line.trim() === '') throw new UnknownCommandError('the line is blank');
  return line.trim();
}

const handler = new UnrulyModelHandler({ minBatchSize: 8, maxBatchSize: 8 }).withPreprocessFn(trimmed);

export default defineFabric({
  pipelines: {
    unruly: {
      input: { format: 'text' },
      steps: [runInference(handler, { timeoutSecs: 1, onTimeout: 'fail' })],
      maxFailures: 100,
      maxFailureRatio: 0.5,
    },
  },
});
