import { describe, expect, test } from 'vitest';
import { OpenAIModelHandler } from '../../../lib/remote/openai/openai-model-handler.ts';
import { OpenInferenceModelHandler } from '../../../lib/remote/open-inference/open-inference-model-handler.ts';
import { ScriptedHandler, endpointOf } from '../scripted-handler.ts';
import { VirtualClock } from '../virtual-clock.ts';

const secret = { env: 'WINE_KEY' };

describe('an endpoint', () => {
  test.each([
    ['http://models.test/v1', true],
    ['HTTP://models.test', true],
    ['http://192.168.1.7:8000', true],
    ['http://localhost.models.test', true],
    ['http://127.models.test', true],
    ['https://models.test/v1', false],
    ['http://localhost:8000', false],
    ['http://api.localhost', false],
    ['http://127.0.0.1:11434/v1', false],
    ['http://127.1', false],
    ['http://[::1]:8000', false],
  ])('at %s with a secret: a warning is %s', (endpoint, isWarned) => {
    const handlers = [
      new OpenAIModelHandler({ endpoint, modelName: 'wine', apiKey: secret }),
      new OpenInferenceModelHandler({ endpoint, modelName: 'wine', secretHeaders: { 'x-key': secret } }),
    ];
    const warning = expect.stringMatching(
      /^secrets are sent to http:\/\/.* without encryption: change 'endpoint' to https/,
    );
    for (const { warnings } of handlers) expect(warnings).toEqual(isWarned ? [warning] : []);
  });

  test('without a secret has no warning', () => {
    expect(new OpenAIModelHandler({ endpoint: 'http://models.test', modelName: 'wine' }).warnings).toEqual([]);
  });

  test('passes the warnings of its handler on, once, and before the first request', async () => {
    class Warned extends ScriptedHandler {
      override get warnings(): readonly string[] {
        return ['secrets are sent without encryption'];
      }
    }
    const clock = new VirtualClock();
    const { ask, handler, warnings } = endpointOf(clock, new Warned(clock));
    await ask([1]);
    await ask([2]);
    expect(warnings).toEqual(['secrets are sent without encryption']);
    expect(handler.calls).toHaveLength(2);
  });
});
