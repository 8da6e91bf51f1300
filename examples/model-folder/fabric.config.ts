import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineFabric, ModelFiles, ModelHandler, type ModelHandlerOptions, runInference } from 'inference-fabric';

interface Sentiment {
  readonly score: number;
  readonly sentiment: 'positive' | 'negative' | 'neutral';
}

interface Lexicon {
  readonly words: Readonly<Record<string, number>>;
  readonly settings: { readonly version: string; readonly neutralBelow: number };
}

/** A model that is a folder of two files. */
class LexiconModelHandler extends ModelHandler<string, Sentiment, Lexicon> {
  readonly #files: ModelFiles;

  constructor({ modelUri, ...options }: ModelHandlerOptions<string> & { readonly modelUri: string }) {
    super(options);
    this.#files = new ModelFiles(modelUri);
  }

  /** The engine fetches these files to each of the model's processes, and with `refreshSecs` their new versions. */
  override get modelFiles(): ModelFiles {
    return this.#files;
  }

  override async loadModel(): Promise<Lexicon> {
    const folder = await this.#files.localPath();
    const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'));
    return { words: await read('words.json'), settings: await read('settings.json') } as Lexicon;
  }

  override runInference(batch: readonly string[], { words, settings }: Lexicon): readonly Sentiment[] {
    return batch.map((text) => {
      const found = text.toLowerCase().match(/[a-z']+/g) ?? [];
      const score = found.reduce((sum, word) => sum + (words[word] ?? 0), 0);
      if (Math.abs(score) < settings.neutralBelow) return { score, sentiment: 'neutral' };
      return { score, sentiment: score > 0 ? 'positive' : 'negative' };
    });
  }
}

/** In production `s3://my-models/sentiment/`, or a pointer to the current folder, `s3://my-models/sentiment.json`. */
const modelUri = process.env['SENTIMENT_MODEL'] ?? 'model';

const handler = new LexiconModelHandler({
  modelUri,
  maxBatchSize: 64,
  probe: { input: 'excellent', output: { sentiment: 'positive' } },
});

export default defineFabric({
  pipelines: {
    reviews: {
      input: { format: 'text' },
      steps: [runInference(handler, { refreshSecs: Number(process.env['SENTIMENT_REFRESH_SECS'] ?? 60) })],
    },
  },
});
