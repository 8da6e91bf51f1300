import { describe, expect, test } from 'vitest';
import { ModelHandler } from '../../lib/models/model-handler.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import { BedrockModelHandler } from '../../lib/remote/bedrock/bedrock-model-handler.ts';
import { OpenAIModelHandler } from '../../lib/remote/openai/openai-model-handler.ts';
import { OpenInferenceModelHandler } from '../../lib/remote/open-inference/open-inference-model-handler.ts';
import { RemoteModelHandler } from '../../lib/remote/remote-model-handler.ts';
import { SageMakerModelHandler } from '../../lib/remote/sagemaker/sagemaker-model-handler.ts';

class Toy extends ModelHandler {
  override loadModel(): void {}
  override runInference(): readonly unknown[] {
    return [];
  }
}

class Api extends RemoteModelHandler {
  override createClient(): void {}
  override async request(): Promise<readonly unknown[]> {
    return [];
  }
}

class Renamed extends OnnxModelHandler {}

/** Names its own options, and is as strict as the built-in handlers. */
class Voice extends Toy {
  static override readonly optionNames = { ...ModelHandler.optionNames, voice: true as const };
}

/** A handler's class, as a config without types calls it. */
type Untyped = new (options: object) => ModelHandler;

const untyped = (handler: unknown): Untyped => handler as Untyped;

describe('an option that a handler does not have', () => {
  test.each<[handler: unknown, options: object, message: string]>([
    [
      OnnxModelHandler,
      { modelUri: 'm', maxBatchsize: 4 },
      "unknown option 'maxBatchsize'; did you mean 'maxBatchSize'?",
    ],
    [OnnxModelHandler, { modelUri: 'm', outputName: ['y'] }, "'outputName'; did you mean 'outputNames'?"],
    [OnnxModelHandler, { model_uri: 'm' }, "'model_uri'; did you mean 'modelUri'?"],
    [OnnxModelHandler, { modelUri: 'm', colour: 1 }, "unknown option 'colour'"],
    [
      OnnxModelHandler,
      { modelUri: 'm', padding: { vlaue: 1 } },
      "'padding' has no field 'vlaue'; did you mean 'value'?",
    ],
    [Toy, { probe: { input: 1, tolerence: 2 } }, "'probe' has no field 'tolerence'; did you mean 'tolerance'?"],
    [OpenAIModelHandler, { modelName: 'm', maxToken: 4 }, "'maxToken'; did you mean 'maxTokens'?"],
    [OpenAIModelHandler, { model: 'm' }, "'model'; did you mean 'modelName'?"],
    [OpenAIModelHandler, { modelName: 'm', temprature: 0 }, "'temprature'; did you mean 'temperature'?"],
    [OpenAIModelHandler, { modelName: 'm', modelCopies: 2 }, "'modelCopies'"],
    [BedrockModelHandler, { modelId: 'm', max_tokens: 4 }, "'max_tokens'; did you mean 'maxTokens'?"],
    [SageMakerModelHandler, { endpointName: 'e', content_type: 'text/csv' }, "did you mean 'contentType'?"],
    [OpenInferenceModelHandler, { endpoint: 'http://h', modelNmae: 'm' }, "'modelNmae'; did you mean 'modelName'?"],
    [Toy, { max_batch_size: 4 }, "Cannot create Toy: unknown option 'max_batch_size'; did you mean 'maxBatchSize'?"],
    [Toy, { maxBatchsize: 4 }, "did you mean 'maxBatchSize'? An option of the subclass itself must not be passed"],
    [Toy, { targetBatchDuration: 4, targetBatchDurationSec: 1 }, "did you mean 'targetBatchDurationSecs'?"],
    [Api, { timeoutSeconds: 4 }, "'timeoutSeconds'; did you mean 'timeoutSecs'?"],
    [Api, { num_retries: 1 }, "did you mean 'numRetries'?"],
    [Api, { envVars: {} }, "'envVars' is an option of handlers whose model runs here"],
    [Renamed, { modelUri: 'm', ouputNames: [] }, "Cannot create Renamed: unknown option 'ouputNames'"],
    [Voice, { voice: 'low', echo: 1 }, "Cannot create Voice: unknown option 'echo'"],
  ])('of %o is refused: %o', (handler, options, message) => {
    expect(() => new (untyped(handler))(options)).toThrow(TypeError);
    expect(() => new (untyped(handler))(options)).toThrow(message);
  });

  test.each<[handler: unknown, options: object]>([
    [Toy, { voice: 'low', batchSize: 3, model: 'x', prob: 0.5, maxBatchSize: 4 }],
    [Renamed, { modelUri: 'm', threshold: 0.5, tokenizer: 'bert' }],
    [Api, { url: 'http://h', model: 'm', timeoutSecs: 3 }],
    [Voice, { voice: 'low', maxBatchSize: 4 }],
  ])("is a subclass' own, and reaches it: %o %o", (handler, options) => {
    expect(new (untyped(handler))(options).options).toMatchObject(options);
  });
});

describe("'batchBucketBoundaries' without a length", () => {
  const boundaries = { batchBucketBoundaries: [5] };

  class OnValues extends OnnxModelHandler {
    override async runInference(): Promise<readonly never[]> {
      return [];
    }
  }

  test.each<[handler: unknown, options: object]>([
    [Toy, boundaries],
    [Api, boundaries],
    [OnnxModelHandler, { modelUri: 'm', ...boundaries }],
    [OnValues, { modelUri: 'm', padding: {}, ...boundaries }],
    [OpenInferenceModelHandler, { endpoint: 'http://h', modelName: 'm', ...boundaries }],
  ])('is refused by %o', (handler, options) => {
    const reason = "'batchBucketBoundaries' must be left out where nothing measures the length of an element";
    expect(() => new (untyped(handler))(options)).toThrow(reason);
    expect(() => new (untyped(handler))({ ...options, batchLengthFn: () => 1 })).not.toThrow();
  });

  test.each<[handler: unknown, options: object]>([
    [OnnxModelHandler, { modelUri: 'm', padding: {}, ...boundaries }],
    [OpenInferenceModelHandler, { endpoint: 'http://h', modelName: 'm', padding: {}, ...boundaries }],
  ])('is taken from %o with padding, which measures the padded axis', (handler, options) => {
    expect(new (untyped(handler))(options).batching.batchBucketBoundaries).toEqual([5]);
  });
});
