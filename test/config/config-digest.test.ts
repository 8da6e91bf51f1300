import { describe, expect, test } from 'vitest';
import { configDigest } from '../../lib/config/config-digest.ts';
import { defineFabric, type PipelineDefinition } from '../../lib/config/fabric.ts';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import { map, runInference } from '../../lib/config/steps.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';

class Other extends OnnxModelHandler {}

const onnx = (options: object = {}): OnnxModelHandler => new OnnxModelHandler({ modelUri: 'a.onnx', ...options });
const sound = (): PipelineDefinition => ({ input: { format: 'jsonl' }, steps: [runInference(onnx())] });

function pipeline(fields: Partial<PipelineDefinition>): Pipeline {
  const { pipelines } = defineFabric({ pipelines: { p: { ...sound(), ...fields } } });
  return pipelines['p'] as Pipeline;
}

const digest = (fields: Partial<PipelineDefinition> = {}): string => configDigest(pipeline(fields));
const withArgs = (inferenceArgs: Record<string, unknown>): Partial<PipelineDefinition> => ({
  steps: [runInference(onnx(), { inferenceArgs })],
});

describe('configDigest', () => {
  test('is the same for the same configuration, however often it is imported and wherever it lies', () => {
    const other = pipeline({});
    for (const step of other.steps)
      if (step.kind === 'runInference') step.handler.resolvePaths(new URL('file:///elsewhere/fabric.config.ts'));
    expect(digest()).toMatch(/^[0-9a-f]{64}$/);
    expect(digest()).toBe(configDigest(other));
  });

  test.each<[string, Partial<PipelineDefinition>]>([
    ['the format', { input: { format: 'csv' } }],
    ['how bundles are cut', { input: { format: 'jsonl', bundleBytes: 5 } }],
    ['what is joined', { output: { join: 'input' } }],
    ['the model', { steps: [runInference(onnx({ modelUri: 'b.onnx' }))] }],
    ['the batches', { steps: [runInference(onnx({ maxBatchSize: 5 }))] }],
    ["the handler's class", { steps: [runInference(new Other({ modelUri: 'a.onnx' }))] }],
    ['a function added before', { steps: [runInference(onnx().withPreprocessFn((x) => x))] }],
    ['a function added after', { steps: [runInference(onnx().withPostprocessFn((x) => x))] }],
    ['another step', { steps: [runInference(onnx()), map((x) => x)] }],
    ['an argument', withArgs({ a: 1 })],
    ['a bigint argument', withArgs({ a: 1n })],
    ['a Map argument', withArgs({ a: new Map([['b', 1]]) })],
    ['an argument without a prototype', withArgs({ a: Object.assign(Object.create(null) as object, { b: 2 }) })],
  ])('changes with %s', (_what, fields) => {
    expect(digest(fields)).not.toBe(digest());
  });

  test('stays the same when a limit on what is accepted is raised', () => {
    expect(digest({ input: { format: 'jsonl', maxUncompressedBytes: 5, maxElements: 6, maxColumns: 7 } })).toBe(
      digest(),
    );
  });

  test("changes with a function's source, a bigint's value and a Map's items", () => {
    const mapped = (fn: (x: number) => number): string => digest({ steps: [map(fn)] });
    expect(mapped((x) => x + 1)).not.toBe(mapped((x) => x + 2));
    expect(mapped((x) => x + 1)).toBe(mapped((x) => x + 1));
    expect(digest(withArgs({ a: 1n }))).not.toBe(digest(withArgs({ a: 2n })));
    expect(digest(withArgs({ a: new Map([['b', 1]]) }))).not.toBe(digest(withArgs({ a: new Map([['b', 2]]) })));
  });
});
