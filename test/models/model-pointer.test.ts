import { describe, expect, test } from 'vitest';
import { ModelLoadError } from '../../lib/errors.ts';
import { targetOfPointer } from '../../lib/models/model-pointer.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';

const MALFORMED = [
  'file://other-machine/m.onnx',
  'file:///%zz/m.onnx',
  'file:///a%2Fb/m.onnx',
  'file://[',
  'file://%/m',
];

describe('a malformed file: URL', () => {
  test.each(MALFORMED)('in a pointer, %s, is a model that can not be loaded', (modelUri) => {
    const read = (): string => targetOfPointer(JSON.stringify({ modelUri }), '/models/current.json');
    expect(read).toThrow(ModelLoadError);
    expect(read).toThrow(/^Cannot follow the pointer \/models\/current\.json as 'modelUri' must be a valid file: URL/);
  });

  test.each(MALFORMED)('of a handler, %s, is one too', (modelUri) => {
    const handler = new OnnxModelHandler({ modelUri });
    expect(() => handler.modelPath).toThrow(ModelLoadError);
    expect(() => handler.modelPath).toThrow("Cannot load the model as 'modelUri' must be a valid file: URL");
  });
});

test('a pointer leads to the file of a file: URL', () => {
  const text = JSON.stringify({ modelUri: 'file:///models/v%201/m.onnx' });
  expect(targetOfPointer(text, '/models/current.json')).toBe('/models/v 1/m.onnx');
});
