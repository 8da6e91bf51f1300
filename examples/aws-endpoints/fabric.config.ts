import { BedrockModelHandler, defineFabric, runInference, SageMakerModelHandler } from 'inference-fabric';

// A container of XGBoost: rows of CSV go out, a score each comes back.
const cultivar = new SageMakerModelHandler<readonly number[], number>({
  endpointName: 'wine-cultivars',
  region: 'eu-central-1',
  contentType: 'text/csv',
}).withPreprocessFn((wine: { readonly features: readonly number[] }) => wine.features);

const summary = new BedrockModelHandler({
  modelId: 'eu.amazon.nova-lite-v1:0',
  region: 'eu-central-1',
  system: 'Say in three words what the review says.',
  maxTokens: 20,
  rateLimits: [{ requests: 200, weight: 200_000, per: 'minute' }],
}).withPostprocessFn(({ text }) => text.trim());

export default defineFabric({
  pipelines: {
    wine: { input: { format: 'jsonl', id: 'id' }, steps: [runInference(cultivar)] },
    reviews: { input: { format: 'text' }, steps: [runInference(summary)], output: { join: 'input' } },
  },
});
