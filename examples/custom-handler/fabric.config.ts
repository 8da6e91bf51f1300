import { readFile } from 'node:fs/promises';
import { defineFabric, type InferenceArgs, ModelHandler, runInference } from 'inference-fabric';

interface Sentiment {
  readonly score: number;
  readonly sentiment: 'positive' | 'negative' | 'neutral';
}

/** What each word adds to a text's score. */
type Lexicon = ReadonlyMap<string, number>;

class LexiconModelHandler extends ModelHandler<string, Sentiment, Lexicon> {
  override async loadModel(): Promise<Lexicon> {
    const json = await readFile(new URL('lexicon.json', import.meta.url), 'utf8');
    return new Map(Object.entries(JSON.parse(json) as Record<string, number>));
  }

  override runInference(batch: readonly string[], lexicon: Lexicon, args: InferenceArgs = {}): readonly Sentiment[] {
    const neutralBelow = Number(args['neutralBelow'] ?? 0.5);
    return batch.map((text) => {
      const words = text.toLowerCase().match(/[a-z']+/g);
      if (!words) throw new RangeError('a review must have words: got none');
      const score = words.reduce((sum, word) => sum + (lexicon.get(word) ?? 0), 0);
      if (Math.abs(score) < neutralBelow) return { score, sentiment: 'neutral' };
      return { score, sentiment: score > 0 ? 'positive' : 'negative' };
    });
  }
}

const handler = new LexiconModelHandler({ maxBatchSize: 64, modelCopies: 2, envVars: { LANG: 'C.UTF-8' } });

export default defineFabric({
  pipelines: {
    reviews: {
      input: { format: 'text' },
      steps: [runInference(handler, { timeoutSecs: 10, inferenceArgs: { neutralBelow: 2 } })],
      output: { join: 'input' },
    },
  },
});
