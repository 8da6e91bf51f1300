import { defineFabric, HuggingFacePipelineModelHandler, runInference } from 'inference-fabric';

const pairs = new HuggingFacePipelineModelHandler({ task: 'text-classification', model: 'bert-pairs' });

const whole = new HuggingFacePipelineModelHandler({
  task: 'text-classification',
  model: 'bert-pairs',
  truncation: false,
  maxBatchWeight: 200,
  minBatchSize: 4,
});

const declared = new HuggingFacePipelineModelHandler({
  task: 'text-classification',
  model: 'bert-pairs',
  topK: 2,
  inputs: { text: 'question', textPair: 'meta.answer' },
  probe: { input: { text: 'Does it last?', text_pair: 'It lasted.' } },
});

/** Results of each batch cross bundles. */
const joined = new HuggingFacePipelineModelHandler({
  task: 'text-classification',
  model: 'roberta-multi-label',
  maxBatchDurationSecs: 0.05,
  maxBatchWeight: 200,
});

export default defineFabric({
  pipelines: {
    pairs: { input: { format: 'jsonl' }, steps: [runInference(pairs)] },
    whole: { input: { format: 'jsonl' }, steps: [runInference(whole)] },
    declared: { input: { format: 'jsonl' }, steps: [runInference(declared)] },
    joined: { input: { format: 'jsonl' }, steps: [runInference(joined)] },
    'with-arguments': {
      input: { format: 'jsonl' },
      steps: [runInference(pairs, { inferenceArgs: { top_k: 2 } })],
    },
  },
});
