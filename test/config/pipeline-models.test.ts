import { describe, expect, test } from 'vitest';
import { modelsOf, pipelineModels } from '../../lib/config/pipeline-models.ts';
import { branch, map, runInference } from '../../lib/config/steps.ts';
import { KeyedModelHandler, KeyModelMapping } from '../../lib/models/keyed-model-handler.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';

const model = (modelUri: string) => new OnnxModelHandler({ modelUri });
const same = (value: unknown): unknown => value;

describe('pipelineModels', () => {
  test('finds each model at its place, in the order of steps, branches and mappings', () => {
    const a = model('a.onnx');
    const keyed = new KeyedModelHandler([
      new KeyModelMapping(['1', '2'], model('b.onnx').withPostprocessFn(same)),
      new KeyModelMapping(['3'], model('c.onnx')),
    ]);
    const steps = [
      runInference(a.withPreprocessFn(same)),
      map(same),
      branch({
        left: [map(same), runInference(keyed.withPreprocessFn(same))],
        right: [branch({ in: [runInference(a)] })],
      }),
      runInference(a),
    ];
    const found = pipelineModels({ steps }).map(({ place, stepPlace, handler }) => [
      place,
      stepPlace,
      (handler as OnnxModelHandler).options.modelUri,
    ]);
    expect(found).toEqual([
      ['steps[0].handler', 'steps[0]', 'a.onnx'],
      ['steps[2].branches.left[1].handler.mappings[0].handler', 'steps[2].branches.left[1]', 'b.onnx'],
      ['steps[2].branches.left[1].handler.mappings[1].handler', 'steps[2].branches.left[1]', 'c.onnx'],
      ['steps[2].branches.right[0].branches.in[0].handler', 'steps[2].branches.right[0].branches.in[0]', 'a.onnx'],
      ['steps[3].handler', 'steps[3]', 'a.onnx'],
    ]);
  });
});

describe('modelsOf', () => {
  test('gives the handler that holds the model, without the functions around it', () => {
    const handler = model('a.onnx');
    expect(modelsOf(handler.withPreprocessFn(same).withPostprocessFn(same))).toEqual([handler]);
  });
});
