import { describe, expect, test } from 'vitest';
import type { ElementsMessage } from '../../../lib/elements/messages.ts';
import { elementAnswerKey, elementsPlace } from '../../../lib/jobs/output-layout.ts';
import { deadlineOf } from '../memory-ports.ts';
import { benchOf, engines, lettersIn, linesIn, START } from './processor-bench.ts';
import { scriptedEngine } from './scripted-engine.ts';

const engineOf = engines();

function messageOf(elements: readonly unknown[], pipeline = 'double') {
  return { version: 1, kind: 'elements', pipeline, elements };
}

const key = (id: string): string => elementAnswerKey('ids', id);
const bench = async () => benchOf(await engineOf('ids'), { pipelineName: 'ids' });
/** A message of one element. */
const asking = (n: number) => messageOf([{ id: 'x', input: { n } }], 'ids');

const ELEMENTS = [{ id: 'a', input: { n: 1 } }, { id: 'b', input: { n: 2, bad: true } }, 'no element'];

describe('the elements of a message', () => {
  test('are a part by the name of the message, with its errors and its dead letters', async () => {
    const { store, deliver, processor, deadLetters } = benchOf(await engineOf('double'));
    const received = await deliver(messageOf(ELEMENTS));
    await processor.process(received, deadlineOf());
    const { id } = received;
    const part = `double/_elements/2026-11-21/12/${id}.jsonl`;
    expect(linesIn(store.text('out', part))).toMatchObject([{ id: 'a', prediction: 2 }]);
    const errors = linesIn(store.text('out', `double/_elements/2026-11-21/12/errors/${id}.jsonl`));
    expect(errors).toMatchObject([
      { id: 'b', stage: 'map', input: { n: 2, bad: true }, source: { messageId: id, ordinal: 1 } },
      { id: `${id}#2`, stage: 'read', error: { name: 'InvalidElement' }, source: { messageId: id, ordinal: 2 } },
    ]);
    expect(lettersIn(deadLetters.sent)).toEqual(
      errors.map((line) => Object.assign({ version: 1, pipeline: 'double', job: id }, line)),
    );
  });

  test('are committed once when the message is delivered again, however late', async () => {
    const { store, bundles, deliver, processor, next, telemetry, clock } = benchOf(await engineOf('double'));
    const received = await deliver(messageOf(ELEMENTS));
    await processor.process(received, deadlineOf());
    const keys = store.keys('out', 'double/');
    clock.now += 3 * 60 * 60 * 1000;
    await bundles.changeVisibility(received.receiptHandle, 0);
    const again = await next();
    expect(again).toMatchObject({ id: received.id, receiveCount: 2 });
    if (again !== undefined) await processor.process(again, deadlineOf());
    // The message that goes on in its place finds the part.
    const last = await next();
    if (last !== undefined) await processor.process(last, deadlineOf());
    expect(store.keys('out', 'double/')).toEqual(keys);
    expect(telemetry.counts.bundles_committed).toBe(1);
  });

  test('go on under the name of their first message when they are handed back', async () => {
    let controller = new AbortController();
    const engine = scriptedEngine({
      elements: 3,
      chunkElements: 1,
      fails: () => false,
      afterChunk: () => controller.abort(new Error('time is over')),
    });
    const { store, bundles, deliver, drain } = benchOf(engine);
    const first = await deliver(messageOf(['x', 'y', 'z']));
    await bundles.changeVisibility(first.receiptHandle, 0);
    expect(await drain(undefined, () => deadlineOf((controller = new AbortController())))).toEqual([]);
    expect(engine.runs).toEqual([1, 1, 1]);
    const { part } = elementsPlace('double', { messageId: first.id, sentAtMillis: START });
    expect(linesIn(store.text('out', part)).map(({ prediction }) => prediction)).toEqual([0, 1, 2]);
    const bodies = store.keys('out', '.fabric/double/_messages/').map((key) => store.json('out', key));
    expect(new Set(bodies.map((body) => (body as ElementsMessage).attempts))).toEqual(new Set([1, 2, 3, undefined]));
  });

  test('are handed back with those that are nested too deeply, which fail alone', async () => {
    const { store, deliver, processor, drain, deadLetters } = benchOf(await engineOf('double'));
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    const elements = `[{"id":"a","input":{"n":1}},{"id":"b","input":${deep}}]`;
    const body = JSON.stringify(messageOf([])).replace('[]', elements);
    const first = await deliver(body);
    const controller = new AbortController();
    controller.abort(new Error('time is over'));
    await processor.process(first, deadlineOf(controller));
    expect(await drain()).toEqual([]);
    expect(
      linesIn(store.text('out', elementsPlace('double', { messageId: first.id, sentAtMillis: START }).part)),
    ).toMatchObject([{ id: 'a', prediction: 2 }]);
    expect(lettersIn(deadLetters.sent)).toMatchObject([
      { id: 'b', stage: 'read', error: { name: 'ElementTooDeep' }, input: deep, source: { ordinal: 1 } },
    ]);
  });

  test.each([
    ['a place of its own choice', { messageId: 'errors/x', sentAtMillis: START }],
    ['a name that no metadata holds', { messageId: 'x'.repeat(2048), sentAtMillis: START }],
    ['a time that has no date', { messageId: 'x', sentAtMillis: 8.7e15 }],
  ])("are a dead letter where their sender's origin names %s", async (_, origin) => {
    const { store, deliver, processor, deadLetters } = benchOf(await engineOf('double'));
    await processor.process(await deliver({ ...messageOf(ELEMENTS), origin }), deadlineOf());
    expect(lettersIn(deadLetters.sent)).toMatchObject([{ stage: 'read', error: { name: 'InvalidMessageError' } }]);
    expect(store.keys('out', 'double/')).toEqual([]);
  });

  test('that came by claim check are the same', async () => {
    const { store, deliver, processor } = benchOf(await engineOf('double'));
    await store.put({ bucket: 'out', key: 'producer/1.json' }, JSON.stringify(messageOf(ELEMENTS)));
    const body = { bucket: 'out', key: 'producer/1.json' };
    const received = await deliver({ version: 1, kind: 'claim', pipeline: 'double', body });
    await processor.process(received, deadlineOf());
    expect(
      linesIn(store.text('out', elementsPlace('double', { messageId: received.id, sentAtMillis: START }).part)),
    ).toHaveLength(1);
  });
});

describe('elements that are answered by their ids', () => {
  test('are an object each, by their percent-encoded ids', async () => {
    const { store, deliver, processor, deadLetters, telemetry } = await bench();
    const received = await deliver(messageOf([{ id: 'ä/..', input: { n: 4 } }, ...ELEMENTS], 'ids'));
    await processor.process(received, deadlineOf());
    expect(store.keys('out', 'ids/')).toEqual(
      [key('ä/..'), key(`${received.id}#3`), key('a'), key('b')].toSorted((one, other) => (one < other ? -1 : 1)),
    );
    expect(store.json('out', 'ids/_elements/%C3%A4%2F...json')).toMatchObject({ id: 'ä/..', prediction: 8 });
    expect(store.json('out', key('b'))).toMatchObject({ id: 'b', stage: 'map' });
    expect(lettersIn(deadLetters.sent).map(({ id }) => id)).toEqual(['b', `${received.id}#3`]);
    expect(telemetry.counts).toEqual({ elements_succeeded: 2, elements_failed: 2 });
  });

  test('have the answer of the message that was sent last, in whatever order they are processed', async () => {
    const { store, deliver, processor, clock } = await bench();
    const older = await deliver(asking(1));
    clock.now += 1000;
    const newer = await deliver(asking(2));
    for (const received of [older, newer, older]) await processor.process(received, deadlineOf());
    expect(store.json('out', key('x'))).toMatchObject({ prediction: 4 });
  });

  test('have the last answer of a message that has their id twice', async () => {
    const { store, deliver, processor } = await bench();
    const elements = Array.from({ length: 40 }, (_, n) => ({ id: 'x', input: { n, bad: n % 3 === 1 } }));
    await processor.process(await deliver(messageOf(elements.slice(0, 39), 'ids')), deadlineOf());
    expect(store.json('out', key('x'))).toMatchObject({ prediction: 76 });
    await processor.process(await deliver(messageOf(elements.slice(0, 5), 'ids')), deadlineOf());
    expect(store.json('out', key('x'))).toMatchObject({ id: 'x' });
  });

  test('that are too long to be a name are dead letters', async () => {
    const { store, deliver, processor, deadLetters } = await bench();
    const id = 'ü'.repeat(300);
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    const body = JSON.stringify(
      messageOf(
        [
          { id, input: { n: 1 } },
          { id, input: [] },
        ],
        'ids',
      ),
    );
    await processor.process(await deliver(body.replace('[]', deep)), deadlineOf());
    expect(store.keys('out', 'ids/')).toEqual([]);
    const letter = { id, stage: 'write', error: { name: 'IdTooLong' } };
    expect(lettersIn(deadLetters.sent)).toMatchObject([
      { ...letter, input: { n: 1 } },
      { ...letter, input: deep },
    ]);
  });
});
