import { describe, expect, test } from 'vitest';
import {
  KeyedModelHandler,
  type KeyedModelHandlerOptions,
  KeyModelMapping,
} from '../../lib/models/keyed-model-handler.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';

const model = (modelUri: string, options = {}) => new OnnxModelHandler({ modelUri, ...options });

function keyed(options?: KeyedModelHandlerOptions): KeyedModelHandler {
  const german = new KeyModelMapping(['de', 'at'], model('german.onnx'));
  return new KeyedModelHandler([german, new KeyModelMapping(['fr'], model('french.onnx'))], options);
}

describe('KeyModelMapping', () => {
  test.each<[string, () => unknown]>([
    ["'keys' must be a list of at least one key", () => new KeyModelMapping([], model('a.onnx'))],
    ['each of \'keys\' must be a non-empty string: one is ""', () => new KeyModelMapping(['a', ''], model('a.onnx'))],
    ["each of 'keys' must be a non-empty string: one is 7", () => new KeyModelMapping([7 as never], model('a.onnx'))],
    ["'handler' must be a ModelHandler", () => new KeyModelMapping(['a'], {} as never)],
    ["'handler' must not be a KeyedModelHandler itself", () => new KeyModelMapping(['a'], keyed())],
    [
      "the handler's 'modelCopies' must be 1: current value is 2",
      () => new KeyModelMapping(['a'], model('a.onnx', { modelCopies: 2 })),
    ],
  ])('is refused as %s', (reason, create) => {
    expect(create).toThrow(`Cannot create KeyModelMapping as ${reason}`);
  });
});

describe('KeyedModelHandler', () => {
  test.each<[string, () => unknown]>([
    ["'mappings' must be a list of at least one KeyModelMapping", () => new KeyedModelHandler([])],
    ["each of 'mappings' must be a KeyModelMapping", () => new KeyedModelHandler([model('a.onnx') as never])],
    [
      "the key 'a' is mapped twice",
      () =>
        new KeyedModelHandler([
          new KeyModelMapping(['b', 'a'], model('a.onnx')),
          new KeyModelMapping(['a'], model('b.onnx')),
        ]),
    ],
    ["the key 'a' is mapped twice", () => new KeyedModelHandler([new KeyModelMapping(['a', 'a'], model('a.onnx'))])],
    ["no mapping has the 'defaultKey' 'es'", () => keyed({ defaultKey: 'es' })],
    [
      "'maxModelsPerWorkerHint' must be a positive integer: current value is 0",
      () => keyed({ maxModelsPerWorkerHint: 0 }),
    ],
    ["'maxModelBytes' must be a positive integer: current value is 1.5", () => keyed({ maxModelBytes: 1.5 })],
    ["it has no option 'maxBatchSize': batching and other options belong", () => keyed({ maxBatchSize: 8 } as never)],
    [
      "it has no option 'max_models_per_worker_hint'; did you mean 'maxModelsPerWorkerHint'?",
      () => keyed({ max_models_per_worker_hint: 1 } as never),
    ],
  ])('is refused as %s', (reason, create) => {
    expect(create).toThrow(`Cannot create KeyedModelHandler as ${reason}`);
  });

  test('knows the cohort of each key, and sends no other anywhere', () => {
    expect(['de', 'at', 'fr', 'es', undefined].map((key) => keyed().cohortOf(key))).toEqual([
      0,
      0,
      1,
      undefined,
      undefined,
    ]);
  });

  test('sends to the default what has no key, or one that no mapping names', () => {
    const handler = keyed({ defaultKey: 'fr' });
    expect(['at', 'fr', 'es', undefined].map((key) => handler.cohortOf(key))).toEqual([0, 1, 1, 1]);
  });

  test('resolves the paths of all its models', () => {
    const handler = keyed();
    handler.withPreprocessFn((value) => value).resolvePaths(new URL('file:///models/fabric.config.ts'));
    const paths = handler.mappings.map((mapping) => (mapping.handler as OnnxModelHandler).modelPath);
    expect(paths).toEqual(['/models/german.onnx', '/models/french.onnx']);
  });
});
