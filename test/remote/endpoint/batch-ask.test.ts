import { describe, expect, test } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { askOptionsOf, doubled, endpointWith, hanging, throwing } from '../scripted-handler.ts';
import { DOWN, failure, REFUSED, THROTTLED, values } from './wine-failures.ts';

describe('ask, where the endpoint does not have what it is asked for', () => {
  const MISSING = failure(404, 'fatal');

  test.each([403, 404, 410])(
    'status %i fails the elements alone, once another request was accepted',
    async (status) => {
      const missing = failure(status, 'fatal');
      const { ask } = endpointWith([doubled, throwing(missing), doubled]);
      await ask([1]);
      expect(await ask([2])).toEqual({ kind: 'failed', tries: 1, cause: 'error', error: missing });
      expect(await ask([3])).toMatchObject({ kind: 'answered', answers: values(6) });
    },
  );

  test('status 401 ends the run at any time', async () => {
    const { ask } = endpointWith([doubled, throwing(failure(401, 'fatal'))]);
    await ask([1]);
    expect(await ask([2])).toMatchObject({ kind: 'failed', cause: 'fatal' });
  });

  test('waits for the batches beside it before the run is ended', async () => {
    const { clock, endpoint } = endpointWith([throwing(MISSING), (call) => clock.sleep(500).then(() => doubled(call))]);
    const asked = [1, 2].map((value) => endpoint.ask([value], askOptionsOf([value])));
    const [first, second] = await clock.run(Promise.all(asked));
    expect(first).toMatchObject({ kind: 'failed', cause: 'error', error: MISSING });
    expect(second).toMatchObject({ kind: 'answered', answers: values(4) });
  });

  test('ends the run where none is accepted, and asks for no more than ten of many', async () => {
    const { clock, endpoint, handler } = endpointWith(Array.from({ length: 100 }, () => throwing(MISSING)));
    const stop = new AbortController();
    const asked = Array.from({ length: 50 }, async (_, value) => {
      const answer = await endpoint.ask([value], askOptionsOf([value], { signal: stop.signal }));
      // As the engine does.
      stop.abort(new Error('the run ended'));
      return answer;
    });
    const ended = await clock.run(Promise.allSettled(asked));
    const answers = ended.flatMap((end) => (end.status === 'fulfilled' ? end.value : []));
    expect(answers.length).toBeGreaterThan(0);
    for (const answer of answers) expect(answer).toMatchObject({ kind: 'failed', cause: 'fatal', error: MISSING });
    expect(handler.calls.length).toBeLessThanOrEqual(11);
  });

  test('is interrupted while it waits', async () => {
    const { clock, endpoint } = endpointWith([throwing(MISSING), hanging]);
    const [first, second] = [new AbortController(), new AbortController()];
    const waiting = endpoint.ask([1], askOptionsOf([1], { signal: first.signal }));
    const beside = endpoint.ask([2], askOptionsOf([2], { killSignal: second.signal })).catch(() => {});
    await clock.advance(1000);
    first.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('interrupted');
    second.abort(new Error('killed'));
    await beside;
  });
});

function throttledFor(count: number) {
  return Array.from({ length: count }, () => throwing(THROTTLED));
}

describe('ask, where the endpoint throttles for maxThrottledSecs', () => {
  test('fails the elements, says which option bounds it, and goes on with the next', async () => {
    const { clock, ask, handler } = endpointWith(throttledFor(1000), { maxThrottledSecs: 60 });
    const answer = await ask([1, 2]);
    expect(clock.now()).toBeGreaterThan(60_000);
    expect(clock.now()).toBeLessThan(120_000);
    const error = { name: 'EndpointThrottledError', message: expect.stringContaining('maxThrottledSecs (60 s)') };
    expect(answer).toMatchObject({
      kind: 'answered',
      answers: [
        { ok: false, error },
        { ok: false, error },
      ],
    });
    handler.replies.length = handler.calls.length;
    expect(await ask([3])).toMatchObject({ answers: values(6) });
  });

  test('keeps the answers of the others in the batch', async () => {
    const { ask } = endpointWith([() => [2, THROTTLED], ...throttledFor(20)], { maxThrottledSecs: 10 });
    const failed = { ok: false, error: { name: 'EndpointThrottledError' } };
    expect(await ask([1, 2])).toMatchObject({ kind: 'answered', answers: [...values(2), failed] });
  });

  test('without the option it waits for as long as it takes', async () => {
    const { clock, ask } = endpointWith(throttledFor(200));
    expect(await ask([1])).toMatchObject({ answers: values(2) });
    expect(clock.now()).toBeGreaterThan(1_000_000);
  });
});

describe('ask, where an answer has failures of single elements', () => {
  test('asks again for those alone that may do better, and keeps what the others got', async () => {
    const { ask, handler } = endpointWith([() => [2, DOWN, REFUSED, THROTTLED, 10], () => [4, 8]]);
    expect(await ask([1, 2, 3, 4, 5])).toEqual({
      kind: 'answered',
      tries: 2,
      answers: [...values(2, 4), { ok: false, error: REFUSED }, ...values(8, 10)],
    });
    expect(handler.calls.map(({ batch }) => batch)).toEqual([
      [1, 2, 3, 4, 5],
      [2, 4],
    ]);
  });

  test('fails one that never does better, after as many tries as a batch has', async () => {
    const { ask } = endpointWith([() => [2, DOWN], () => [DOWN], () => [DOWN]], { numRetries: 2 });
    expect(await ask([1, 2])).toEqual({
      kind: 'answered',
      tries: 3,
      answers: [...values(2), { ok: false, error: DOWN }],
    });
  });

  test('asks one by one for those that are refused together', async () => {
    const { ask, handler } = endpointWith([() => [2, DOWN, DOWN, 8], throwing(REFUSED), doubled, throwing(REFUSED)]);
    expect(await ask([1, 2, 3, 4])).toMatchObject({
      kind: 'answered',
      answers: [...values(2, 4), { ok: false, error: REFUSED }, ...values(8)],
    });
    expect(handler.calls.map(({ batch }) => batch)).toEqual([[1, 2, 3, 4], [2, 3], [2], [3]]);
  });

  test('the last tells the run to end, and what the others got is kept', async () => {
    const { ask } = endpointWith([() => [2, DOWN], throwing(failure(401, 'fatal'))]);
    const ended: unknown[] = [];
    const options = { onEnded: (batch: unknown) => void ended.push(batch) };
    expect(await ask([1, 2], options)).toMatchObject({ kind: 'failed', cause: 'fatal' });
    expect(ended).toEqual([{ tries: [1, 2], answers: [...values(2), undefined] }]);
  });

  test('each counts the requests that it was in, and no neighbour is charged for another', async () => {
    const refused = new EndpointError('no', { disposition: 'poison' });
    const { ask } = endpointWith([() => [refused, DOWN, failure(429, 'throttle')], () => [4, 6]]);
    const ended: unknown[] = [];
    await ask([1, 2, 3], { onEnded: (batch: unknown) => void ended.push(batch) });
    expect(ended).toMatchObject([{ tries: [1, 2, 1] }]);
  });
});
