import { describe, expect, test } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { doubled, endpointWith, throwing } from '../scripted-handler.ts';
import { DOWN, failure, REFUSED, THROTTLED, values } from './wine-failures.ts';

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
