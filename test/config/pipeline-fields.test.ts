import { describe, expect, test } from 'vitest';
import { defineFabric } from '../../lib/config/fabric.ts';
import { neededFields, planningInput } from '../../lib/config/pipeline-fields.ts';
import { branch, map, runInference, type Step } from '../../lib/config/steps.ts';
import { KeyedModelHandler, KeyModelMapping } from '../../lib/models/keyed-model-handler.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import { OpenAIModelHandler } from '../../lib/remote/openai/openai-model-handler.ts';
import { OpenInferenceModelHandler } from '../../lib/remote/open-inference/open-inference-model-handler.ts';

const same = (value: unknown): unknown => value;
const onnx = new OnnxModelHandler({ modelUri: 'a.onnx' });
const served = new OpenInferenceModelHandler({ endpoint: 'http://127.0.0.1:1', modelName: 'm' });
const chat = new OpenAIModelHandler({ modelName: 'm' });
class Own extends OnnxModelHandler {
  override runInference(): never {
    throw new Error('not called');
  }
}

function wholeRows(...steps: Step[]): boolean {
  const { p: pipeline } = defineFabric({ pipelines: { p: { input: { format: 'csv', key: 'k' }, steps } } }).pipelines;
  return pipeline !== undefined && planningInput(pipeline).wholeRows === true;
}

describe('planningInput says that whole rows are used', () => {
  test.each<[string, boolean, Step[]]>([
    ['by a model that reads its inputs', false, [runInference(onnx)]],
    ['by a served model that reads its inputs', false, [runInference(served)]],
    ['behind a model', false, [runInference(onnx.withPostprocessFn(same)), map(same)]],
    [
      'by models that are chosen by keys',
      false,
      [runInference(new KeyedModelHandler([new KeyModelMapping(['a'], onnx)]))],
    ],
    ['by branches of models', false, [branch({ a: [runInference(onnx)] })]],
    ['by a function', true, [map(same), runInference(onnx)]],
    ['by a preprocess function', true, [runInference(onnx.withPreprocessFn(same))]],
    ['by a handler with its own runInference', true, [runInference(new Own({ modelUri: 'a.onnx' }))]],
    ['by prompts', true, [runInference(chat)]],
    ['by a branch', true, [branch({ a: [runInference(onnx)], b: [map(same)] })]],
    ['by a function that chooses branches', true, [branch({ a: [runInference(onnx)] }, { split: () => 'a' })]],
    [
      'by one model of several',
      true,
      [runInference(new KeyedModelHandler([new KeyModelMapping(['a'], onnx.withPreprocessFn(same))]))],
    ],
  ])('%s: %s', (_, are, steps) => {
    expect(wholeRows(...steps)).toBe(are);
  });
});

describe('planningInput has the columns that', () => {
  const pair = new OpenInferenceModelHandler({ endpoint: 'http://h', modelName: 'm', inputs: { x: ['a', 'b'] } });
  const column = new OnnxModelHandler({ modelUri: 'a.onnx', inputs: 'c' });
  test.each<[string, readonly string[] | undefined, Step[]]>([
    ['a served model declares', ['a', 'b'], [runInference(pair)]],
    ['models of branches declare', ['a', 'b', 'c'], [branch({ a: [runInference(pair)], b: [runInference(column)] })]],
    [
      'no model of some keys declares: a file can be of other keys',
      undefined,
      [runInference(new KeyedModelHandler([new KeyModelMapping(['a'], pair), new KeyModelMapping(['b'], column)]))],
    ],
    ['no branch of some elements declares', undefined, [branch({ a: [runInference(pair)] }, { split: () => 'a' })]],
    ['no model behind a function declares', undefined, [map(same), runInference(pair)]],
    ['no model with a preprocess function declares', undefined, [runInference(pair.withPreprocessFn(same))]],
  ])('%s', (_, columns, steps) => {
    const { p } = defineFabric({ pipelines: { p: { input: { format: 'csv', key: 'k' }, steps } } }).pipelines;
    expect(p && planningInput(p).neededColumns).toEqual(columns);
  });
});

describe('neededFields are those of models that get every element as it was read:', () => {
  const fields = new OnnxModelHandler({ modelUri: 'a.onnx', inputs: { x: ['a', 'b'], y: 'm.n' } });
  const other = new OnnxModelHandler({ modelUri: 'a.onnx', inputs: ['b', 'c'] });
  test.each<[string, readonly string[], Step[]]>([
    ['a model', ['a', 'b', 'm.n'], [runInference(fields.withPostprocessFn(same)), map(same)]],
    ['all branches', ['a', 'b', 'm.n', 'c'], [branch({ a: [runInference(fields)], b: [runInference(other)] })]],
    ['not a branch of some elements', [], [branch({ a: [runInference(fields)] }, { split: { a: 1 } })]],
    ['not a model of some keys', [], [runInference(new KeyedModelHandler([new KeyModelMapping(['a'], fields)]))]],
    ['not a model behind a function', [], [map(same), runInference(fields)]],
    ['not a model with a preprocess function', [], [runInference(fields.withPreprocessFn(same))]],
  ])('%s', (_, needed, steps) => {
    const { p } = defineFabric({ pipelines: { p: { input: { format: 'jsonl', key: 'k' }, steps } } }).pipelines;
    expect(p && neededFields(p)).toEqual(needed);
  });
});
