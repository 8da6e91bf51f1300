import { describe, expect, test } from 'vitest';
import { configDigest } from '../../lib/config/config-digest.ts';
import { defineFabric } from '../../lib/config/fabric.ts';
import { pipelineFacts } from '../../lib/config/pipeline-facts.ts';
import { branch, runInference } from '../../lib/config/steps.ts';
import { KeyedModelHandler, KeyModelMapping } from '../../lib/models/keyed-model-handler.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';

const handler = new OnnxModelHandler({ modelUri: 'a.onnx' });

function keyed(defaultKey?: string): KeyedModelHandler {
  const mappings = [['b'], ['x', 'y'], ['a']].map((keys) => new KeyModelMapping(keys, handler));
  return new KeyedModelHandler(mappings, defaultKey === undefined ? {} : { defaultKey });
}

const steps = [runInference(new OnnxModelHandler({ modelUri: 'a.onnx' }).withPostprocessFn((value) => value))];
const fabric = defineFabric({
  pipelines: {
    plain: { input: { format: 'jsonl' }, steps },
    grouped: { input: { format: 'jsonl', key: 'k', groupByKey: true }, steps: [runInference(keyed())] },
    unkeyed: { input: { format: 'jsonl', key: 'k', groupByKey: true }, steps },
    segmented: { input: { format: 'jsonl', key: { segment: 0 }, groupByKey: true }, steps: [runInference(keyed())] },
    branched: {
      input: { format: 'csv', key: 'k', groupByKey: true },
      steps: [...steps, branch({ a: steps, b: [runInference(keyed('y').withPreprocessFn((value) => value))] })],
    },
    limited: { input: { format: 'csv', id: 'id' }, steps, maxFailures: 0, maxFailureRatio: 0.1 },
  },
});

describe('pipelineFacts', () => {
  test('has the facts of every pipeline, by name', () => {
    const facts = pipelineFacts(fabric);
    expect(Object.keys(facts)).toEqual(['plain', 'grouped', 'unkeyed', 'segmented', 'branched', 'limited']);
    expect(facts['limited']).toMatchObject({
      input: { format: 'csv', id: 'id' },
      maxFailures: 0,
      maxFailureRatio: 0.1,
    });
    expect(facts['plain']?.config).toBe(fabric.pipelines['plain'] && configDigest(fabric.pipelines['plain']));
  });

  test('says which keys share a model where elements are grouped by key, the default one last', () => {
    const facts = pipelineFacts(fabric);
    const cohorts = Object.entries(facts).map(([name, { cohorts: own }]) => [name, own]);
    expect(Object.fromEntries(cohorts)).toEqual({
      plain: undefined,
      limited: undefined,
      segmented: undefined,
      unkeyed: [],
      grouped: [['b'], ['x', 'y'], ['a']],
      branched: [['b'], ['a'], ['x', 'y']],
    });
  });

  test('is plain JSON: what is written is what is read', () => {
    const facts = pipelineFacts(fabric);
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
  });
});
