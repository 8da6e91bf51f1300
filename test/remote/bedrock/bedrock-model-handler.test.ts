import { describe, expect, test } from 'vitest';
import { type BedrockApi } from '../../../lib/remote/bedrock/bedrock-model-handler.ts';
import { describeEndpoint } from '../endpoint-contract.ts';
import { PAYLOAD } from '../endpoint-under-test.ts';
import { AWS_SERVICE } from '../aws-contract.ts';
import { ask, echoed, handlerOf, MODEL, novaLite, type Options, variablesFor } from './nova-lite.ts';

const BEDROCK = { ...AWS_SERVICE, service: { http2: true }, environment: variablesFor };

describeEndpoint('a BedrockModelHandler with Converse', {
  ...BEDROCK,
  rightly: echoed,
  handler: (_, options) => handlerOf(options),
  batch: [PAYLOAD],
  predictions: [{ text: PAYLOAD, finishReason: 'end_turn', usage: { inputTokens: 12, outputTokens: 3 } }],
  misfit: 7,
  strange: [
    [{ body: {} }, 'JSON without a message', 'poison'],
    [{ body: { output: { message: null }, stopReason: 'end_turn' } }, 'JSON without a message', 'poison'],
    [{ body: `<html>${PAYLOAD}</html>` }, 'a body that is not JSON', 'retry'],
    [{ body: '' }, 'JSON without a message', 'poison'],
  ],
});

describeEndpoint('a BedrockModelHandler with InvokeModel', {
  ...BEDROCK,
  rightly: () => ({ body: { embedding: [0.5, 1] } }),
  handler: (_, options) => handlerOf({ api: 'invoke', ...options }),
  batch: [{ inputText: PAYLOAD }],
  predictions: [{ embedding: [0.5, 1] }],
  misfit: 'hello',
  strange: [
    [{ body: `<html>${PAYLOAD}</html>` }, 'a body that is not JSON', 'retry'],
    [{ body: '' }, 'a body that is not JSON', 'retry'],
  ],
});

describe('a BedrockModelHandler', () => {
  const service = novaLite();

  test("sends an element to InvokeModel as the model's body, and gives the model's answer", async () => {
    service.answers(() => ({ body: { embedding: [0.5, 1] } }));
    const element = { inputText: 'hello', dimensions: 256 };
    expect(await ask(element, { api: 'invoke' }, { dimensions: 2 })).toEqual({ embedding: [0.5, 1] });
    expect(service.requests.at(-1)?.path).toBe(`/model/${encodeURIComponent(MODEL)}/invoke`);
    expect(service.requests.at(-1)?.json).toEqual({ inputText: 'hello', dimensions: 2 });
  });

  test('takes nothing for a body but an object', async () => {
    await expect(ask('hello', { api: 'invoke' })).rejects.toThrow("must be the model's request body, an object");
  });

  test('is shown as its model', async () => {
    expect(await handlerOf().describe()).toEqual({ label: MODEL, digest: MODEL, isUnasked: true });
    const modelId = 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc';
    expect(await handlerOf({ modelId }).describe()).toEqual({ label: 'abc', digest: modelId, isUnasked: true });
  });

  test.for<readonly [Options, RegExp]>([
    [{ modelId: '' }, /'modelId' must be a model's id/],
    [{ api: 'chat' as 'converse' }, /'api' must be 'converse' or 'invoke'/],
    [{ maxBatchSize: 8 }, /'maxBatchSize' must be 1, .* current value is 8/],
    [{ minBatchSize: 8 }, /'minBatchSize' must be 1/],
    [{ api: 'invoke', maxTokens: 5 }, /'maxTokens' must not be set with the api 'invoke'/],
  ])('refuses the options %o', ([options, message]) => {
    expect(() => handlerOf<BedrockApi>(options)).toThrow(message);
  });

  test('weighs elements by their tokens where a limit is on weight', () => {
    const rateLimits = [{ weight: 10_000, per: 'minute' }] as const;
    const { batching } = handlerOf({ rateLimits, system: 'Be short.', maxTokens: 100 });
    // 16 bytes of text are about 4 tokens, the system's 9 about 3; a message costs 4 more, an answer as many as it may.
    expect(batching.elementSizeFn?.('sixteen letters.')).toBe(100 + 3 + 4 + 4);
    expect(handlerOf({ rateLimits, api: 'invoke' }).batching.elementSizeFn?.({ a: 'sixteen' })).toBe(4);
    expect(handlerOf().batching.elementSizeFn).toBeUndefined();
    const own = handlerOf({ rateLimits, elementSizeFn: () => 7 });
    expect(own.batching.elementSizeFn?.('sixteen letters.')).toBe(7);
  });
});
