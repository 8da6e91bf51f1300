import { defineFabric, OpenInferenceModelHandler, runInference } from 'inference-fabric';

/** Where the models are served: by MLServer, KServe, Triton or another server of the Open Inference Protocol v2. */
const endpoint = process.env['MODEL_SERVER_URL'] ?? 'http://127.0.0.1:8080';

/** Types and shapes come from the server, which declares what this model takes. */
const wine = new OpenInferenceModelHandler({
  endpoint,
  modelName: 'wine',
  outputNames: ['predict', 'predict_proba'],
});

/** A server may declare nothing, as MLServer does where its model's settings say nothing of inputs. */
const breastCancer = new OpenInferenceModelHandler({
  endpoint,
  modelName: 'breast-cancer',
  inputTensors: [{ name: 'features', datatype: 'FP32', shape: [-1, 30] }],
  outputNames: ['predict', 'predict_proba'],
  maxBatchSize: 32,
  // A quota that is known; one that is not is learned from the answers.
  rateLimits: [{ requests: 50, per: 'second' }],
  // The features of some tumours are null: the model was trained with NaN in their place.
  missing: 'nan',
});

export default defineFabric({
  pipelines: {
    wine: { input: { format: 'jsonl', id: 'id' }, steps: [runInference(wine)] },
    'breast-cancer': { input: { format: 'jsonl', id: 'id' }, steps: [runInference(breastCancer, { timeoutSecs: 30 })] },
  },
});
