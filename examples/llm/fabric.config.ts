import { defineFabric, OpenAIModelHandler, runInference } from 'inference-fabric';

// OpenAI itself, vLLM, Ollama, llama.cpp, LiteLLM, …
const server = {
  endpoint: process.env['OPENAI_BASE_URL'] ?? 'https://api.openai.com/v1',
  apiKey: { env: 'OPENAI_API_KEY' },
};

interface Sentiment {
  readonly sentiment: 'positive' | 'negative' | 'neutral';
}

const sentiment = new OpenAIModelHandler({
  ...server,
  modelName: process.env['CHAT_MODEL'] ?? 'gpt-4.1-mini',
  system: 'Reply with JSON: {"sentiment": "positive", "negative" or "neutral"}, which the review is.',
  responseFormat: { type: 'json_object' },
  temperature: 0,
  maxTokens: 30,
}).withPostprocessFn(({ text }) => JSON.parse(text) as Sentiment);

const embeddings = new OpenAIModelHandler({
  ...server,
  task: 'embeddings',
  modelName: process.env['EMBEDDING_MODEL'] ?? 'text-embedding-3-small',
  maxBatchSize: 32,
});

/** Lines of a file that was made for OpenAI's Batch API name their models themselves. */
const batch = new OpenAIModelHandler({ ...server, modelName: { field: 'model' } });

export default defineFabric({
  pipelines: {
    sentiment: { input: { format: 'text' }, steps: [runInference(sentiment)], output: { join: 'input' } },
    embeddings: { input: { format: 'text' }, steps: [runInference(embeddings)] },
    batch: { input: { format: 'jsonl' }, steps: [runInference(batch)] },
  },
});
