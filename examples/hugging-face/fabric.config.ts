import {
  defineFabric,
  HuggingFacePipelineModelHandler,
  OnnxModelHandler,
  runInference,
  tokenize,
  type TokenizedText,
} from 'inference-fabric';

const sentiment = new HuggingFacePipelineModelHandler({
  task: 'text-classification',
  model: '../models/sentiment', // relative to this file
  dtype: 'q8',
  inputs: 'text', // the column of the CSV file
  topK: 2,
  maxTokens: 64,
});

/** Two texts that the model reads together: a reranker, or natural language inference. */
const entailment = new HuggingFacePipelineModelHandler({
  task: 'text-classification',
  model: '../../test/models/hugging-face/bert-pairs',
  inputs: { text: 'question', textPair: 'answer' },
  maxBatchWeight: 2048, // tokens, padding included
});

const vectors = new HuggingFacePipelineModelHandler({
  task: 'feature-extraction',
  model: '../../test/models/hugging-face/sentences',
  inputs: 'question',
});

const topics = new HuggingFacePipelineModelHandler({
  task: 'zero-shot-classification',
  model: '../../test/models/hugging-face/bert-pairs',
  inputs: 'question',
  candidateLabels: ['battery', 'delivery', 'price'],
  hypothesisTemplate: 'It is about the {}.',
});

const animals = new HuggingFacePipelineModelHandler({
  task: 'image-classification',
  model: '../../test/models/hugging-face/vit',
});

/** The same tokens for a model that is not of these tasks. */
const logits = new OnnxModelHandler<TokenizedText, { readonly logits: readonly number[] }>({
  modelUri: '../models/sentiment/onnx/model_quantized.onnx',
  padding: {},
  minBatchSize: 8,
  maxBatchSize: 8,
}).withPreprocessFn(tokenize({ model: new URL('../models/sentiment/', import.meta.url), maxTokens: 64 }));

export default defineFabric({
  pipelines: {
    sentiment: { input: { format: 'csv', id: 'id' }, steps: [runInference(sentiment)] },
    entailment: { input: { format: 'jsonl' }, steps: [runInference(entailment)] },
    vectors: { input: { format: 'jsonl' }, steps: [runInference(vectors)] },
    topics: { input: { format: 'jsonl' }, steps: [runInference(topics)] },
    animals: { input: { format: 'images' }, steps: [runInference(animals)] },
    logits: { input: { format: 'csv', id: 'id' }, steps: [runInference(logits)] },
  },
});
