import { describe, expect, test } from 'vitest';
import { ModelLoadError } from '../../../lib/errors.ts';
import { askOptionsOf, DescribedHandler, endpointOf, endpointWith } from '../scripted-handler.ts';
import { VirtualClock } from '../virtual-clock.ts';
import { DOWN, failure } from './wine-failures.ts';

describe('the connection to an endpoint', () => {
  test('is requested once for all callers', async () => {
    const clock = new VirtualClock();
    const handler = new DescribedHandler(clock);
    let made = 0;
    handler.makesClient = () => (made += 1);
    const { endpoint, ask } = endpointOf(clock, handler);
    const [first, second] = await Promise.all([endpoint.open(), endpoint.open()]);
    expect(first).toEqual({ label: '3', digest: 'wine/3' });
    expect(second).toEqual(first);
    await ask([1]);
    expect(made).toBe(1);
  });

  test('a model that says nothing of itself is called by its handler', async () => {
    const { endpoint } = endpointWith();
    expect(await endpoint.open()).toEqual({ label: 'ScriptedHandler' });
  });

  test('tries again where that may help, and says which endpoint failed it', async () => {
    const clock = new VirtualClock();
    const handler = new DescribedHandler(clock, [], { numRetries: 2 });
    let asked = 0;
    handler.says = () => {
      asked += 1;
      throw asked < 3 ? DOWN : failure(404, 'fatal');
    };
    const { endpoint } = endpointOf(clock, handler);
    const error: unknown = await clock.run(endpoint.open().catch((it: unknown) => it));
    expect(error).toBeInstanceOf(ModelLoadError);
    expect(error).toMatchObject({
      message: "wine at http://models.test can't be used: wine failed (HTTP 404)",
      disposition: 'fatal',
    });
    expect(asked).toBe(3);
    handler.says = () => ({ label: '4' });
    expect(await clock.run(endpoint.open())).toEqual({ label: '4' });
  });

  test('an endpoint that is down or hangs may come up another time', async () => {
    const clock = new VirtualClock();
    const handler = new DescribedHandler(clock, [], { numRetries: 1, timeoutSecs: 5 });
    handler.says = () => new Promise(() => {});
    const { endpoint } = endpointOf(clock, handler);
    await expect(clock.run(endpoint.open())).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: 'wine at http://models.test did not say within 5 s what its model is',
      disposition: 'retry',
    });
    expect(clock.now()).toBe(10_900);
  });

  test('a client that can not be made is a model that can not be loaded', async () => {
    const { endpoint, handler } = endpointWith();
    handler.makesClient = () => {
      throw new Error('SENTIMENT_KEY is not set');
    };
    await expect(endpoint.ask([1], askOptionsOf([1]))).rejects.toThrow(
      "wine at http://models.test can't be used: SENTIMENT_KEY is not set",
    );
  });
});
