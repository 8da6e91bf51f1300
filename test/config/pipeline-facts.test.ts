import { describe, expect, test } from 'vitest';
import { configDigest } from '../../lib/config/config-digest.ts';
import { defineFabric } from '../../lib/config/fabric.ts';
import { pipelineFacts } from '../../lib/config/pipeline-facts.ts';
import { runInference } from '../../lib/config/steps.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';

const steps = [runInference(new OnnxModelHandler({ modelUri: 'a.onnx' }).withPostprocessFn((value) => value))];
const fabric = defineFabric({
  pipelines: {
    plain: { input: { format: 'jsonl' }, steps },
    limited: { input: { format: 'csv', id: 'id' }, steps, maxFailures: 0, maxFailureRatio: 0.1 },
  },
});

describe('pipelineFacts', () => {
  test('has the facts of every pipeline, by name', () => {
    const facts = pipelineFacts(fabric);
    expect(Object.keys(facts)).toEqual(['plain', 'limited']);
    expect(facts['limited']).toMatchObject({
      input: { format: 'csv', id: 'id' },
      maxFailures: 0,
      maxFailureRatio: 0.1,
    });
    expect(facts['plain']?.config).toBe(fabric.pipelines['plain'] && configDigest(fabric.pipelines['plain']));
  });

  test('is plain JSON: what is written is what is read', () => {
    const facts = pipelineFacts(fabric);
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
  });
});
