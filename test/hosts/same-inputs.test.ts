import { describe, expect, test } from 'vitest';
import type { ModelInfo } from '../../lib/hosts/protocol.ts';
import { checkSameInputs } from '../../lib/hosts/same-inputs.ts';

function infoWith(more: Partial<ModelInfo>): ModelInfo {
  return { label: 'a', loadMillis: 1, modelBytes: 1, ...more };
}

describe('a new version of a model', () => {
  const inputs = [{ name: 'input_ids', datatype: 'INT64', shape: ['batch', 'tokens'] }] as const;

  test('may have other weights and another folder', () => {
    const former = infoWith({ inputs, codec: { folder: '/a', digest: '1' } });
    expect(() => checkSameInputs(former, infoWith({ inputs, codec: { folder: '/b', digest: '1' } }))).not.toThrow();
  });

  test('is kept out if its tokenizer or configuration is another one: workers have read elements with the former', () => {
    const former = infoWith({ inputs, codec: { folder: '/a', digest: '1' } });
    expect(() => checkSameInputs(former, infoWith({ inputs, codec: { folder: '/b', digest: '2' } }))).toThrow(
      'its configuration or its tokenizer is another one: deploy it, or restart the run',
    );
  });

  test('is kept out if its inputs are others', () => {
    const others = [{ name: 'ids', datatype: 'INT64', shape: [-1, -1] }] as const;
    expect(() => checkSameInputs(infoWith({ inputs }), infoWith({ inputs: others }))).toThrow("its inputs are 'ids'");
  });
});
