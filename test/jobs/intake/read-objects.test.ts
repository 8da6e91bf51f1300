import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { BundleMessage } from '../../../lib/elements/messages.ts';
import { planObject } from '../../../lib/formats/plan-object.ts';
import { chunkKey } from '../../../lib/jobs/output-layout.ts';
import { inputOptions } from '../../formats/reading.ts';
import { memorySource } from '../../formats/sources.ts';
import { deadlineOf } from '../memory-ports.ts';
import { factsOf, intakeUnderTest, LINES } from './intake-under-test.ts';
import { received, s3Event } from './s3-event.ts';

/** A manifest that lists this number of keys. */
function manifestOf(keys: number): string {
  return JSON.stringify(Array.from({ length: keys }, (_, n) => `images/${n}`));
}

describe('Intake of what must be read', () => {
  test.each(['jsonl/a.jsonl.gz', 'jsonl/a.jsonl'])('stages the uncompressed bytes of each bundle: %s', async (key) => {
    const { put, take, job, store, bundles } = intakeUnderTest({ input: { bundleBytes: 50 } });
    await take(await put(key, gzipSync(LINES)));
    const recorded = job(key);
    const { of, plan } = recorded;
    expect(plan).toMatchObject({ kind: 'object', chunked: true, object: { kind: 'cuts', byteLength: LINES.length } });
    expect(bundles()).toHaveLength(of);
    const chunks = Array.from({ length: of }, (_, bundle) => store.text('out', chunkKey(recorded, bundle)));
    expect(chunks.join('')).toBe(LINES);
    expect(store.keys('in')).toEqual([key]);
  });

  test('cuts what is only named as compressed where it is', async () => {
    const { put, take, job } = intakeUnderTest({ input: { bundleBytes: 50 } });
    await take(await put('jsonl/a.jsonl.gz', LINES));
    const { plan } = job('jsonl/a.jsonl.gz');
    expect(plan).toMatchObject({ chunked: false, object: { kind: 'ranges', byteLength: LINES.length } });
  });

  test.each([
    // The kind of an object, and the start of an array, are found in this part of its head.
    [
      'csv/a.csv',
      2500,
      `n,t\n${Array.from({ length: 10_000 }, (_, n) => `${n},"a\n${'b'.repeat(n % 40)}"\n`).join('')}`,
    ],
    ['json/a.json', 2500, JSON.stringify(Array.from({ length: 8000 }, (_, n) => ({ n: 'x'.repeat(n % 50) })))],
  ])('goes on in further runs where the time of one is over, and plans what one would: %s', async (...given) => {
    const [key, chunksPerRun, content] = given;
    const { put, take, takeAtDeadline, goOn, job, bundles, queues } = intakeUnderTest({ input: { bundleBytes: 200 } });
    const object = await put(key, content);
    expect(await takeAtDeadline(object)).toEqual([]);
    expect([queues.intake.sent.length, queues.finalizer.sent.length]).toEqual([1, 0]);

    expect(await goOn({ chunksPerRun })).toBeGreaterThan(3);
    const format = key.startsWith('csv') ? 'csv' : 'json';
    const whole = await planObject(memorySource(content), inputOptions(format, { bundleBytes: 200 }));
    expect(job(key).plan).toEqual({ kind: 'object', object: whole, chunked: false });
    expect(bundles()).toHaveLength(job(key).of);
    const sent = bundles();
    await take(object);
    expect(bundles().slice(sent.length)).toEqual(sent);
  });

  test('goes on with the options it began with, whatever is deployed in between', async () => {
    const { put, takeAtDeadline, goOn, open, job } = intakeUnderTest({ input: { bundleBytes: 200 } });
    const content = `a\n${'1234567\n'.repeat(20_000)}`;
    await takeAtDeadline(await put('csv/a.csv', content));
    const intake = open({ pipelines: { csv: factsOf('csv', { bundleBytes: 999 }) } });
    await goOn({ chunksPerRun: 2500, intake });
    const whole = await planObject(memorySource(content), inputOptions('csv', { bundleBytes: 200 }));
    expect(job('csv/a.csv').plan).toMatchObject({ object: whole });
  });

  test('rejects a compressed object that one run cannot read, and one that holds too much', async () => {
    const { put, takeAtDeadline, goOn, open, rejection, queues } = intakeUnderTest();
    const bomb = gzipSync('x'.repeat(100_000));
    await takeAtDeadline(await put('text/slow.gz', bomb));
    expect(await goOn({ chunksPerRun: 1 })).toBe(1);
    expect(rejection('text/slow.gz')?.reason).toContain('one run');
    const room = { byteLength: 99_999, advice: 'use something larger' };
    const limited = { text: factsOf('text', { maxUncompressedBytes: 99_999 }) };
    for (const [name, changes, advice] of [
      ['limited', { pipelines: limited }, "the limit of 'input.maxUncompressedBytes': raise that"],
      ['no-room', { stagingRoom: () => room }, 'for which there is no room: use something larger'],
    ] as const) {
      const event = s3Event([await put(`text/${name}.gz`, bomb)]);
      expect(await open(changes).handle([received(event)], deadlineOf())).toEqual([]);
      expect(rejection(`text/${name}.gz`)?.reason).toContain(`99999 uncompressed bytes, ${advice}`);
    }
    expect(queues.finalizer.sent).toEqual([]);
  });

  test('rejects an object or a manifest of too many elements', async () => {
    const { put, take, rejection, job } = intakeUnderTest({ input: { maxElements: 20 } });
    const objects: readonly (readonly [key: string, content: string | Uint8Array])[] = [
      ['jsonl/many.jsonl.gz', gzipSync(`${LINES}{}`)],
      ['json/many.json', JSON.stringify(Array.from({ length: 21 }, () => 1))],
      ['csv/many.csv', `a\n${'1\n'.repeat(21)}`],
      ['images/many.manifest.json', manifestOf(21)],
      ['jsonl/enough.jsonl.gz', gzipSync(LINES)],
      ['images/enough.manifest.json', manifestOf(20)],
    ];
    for (const [key, content] of objects) await take(await put(key, content));
    for (const key of ['jsonl/many.jsonl.gz', 'json/many.json', 'csv/many.csv', 'images/many.manifest.json'])
      expect(rejection(key)?.reason).toContain("more than 20 elements, the limit of 'input.maxElements': raise that");
    for (const key of ['jsonl/enough.jsonl.gz', 'images/enough.manifest.json']) expect(job(key).of).toBe(1);
  });

  test('counts the elements of an object that several runs plan', async () => {
    const { put, takeAtDeadline, goOn, rejection } = intakeUnderTest({
      input: { bundleBytes: 200, maxElements: 20_000 },
    });
    await takeAtDeadline(await put('csv/many.csv', `a\n${'1234567\n'.repeat(20_001)}`));
    expect(await goOn({ chunksPerRun: 2500 })).toBeGreaterThan(1);
    expect(rejection('csv/many.csv')?.reason).toContain('more than 20000 elements');
  });

  test('does not hold it against an object that others had the time of its runs', async () => {
    const { put, open, queues, rejection, store } = intakeUnderTest();
    const object = await put('text/a.gz', gzipSync(LINES));
    let body = s3Event([object]);
    for (let runs = 1; runs <= 5; runs += 1) {
      let remaining = 1000;
      const deadline = { signal: AbortSignal.abort(), remainingMillis: () => (remaining /= 3) };
      expect(await open().handle([received(body)], deadline)).toEqual([]);
      expect(queues.intake.sent).toHaveLength(runs);
      body = queues.intake.sent.at(-1)?.body ?? '';
    }
    expect(rejection('text/a.gz')).toBeNull();
    await open().handle([received(body)], deadlineOf());
    expect(store.keys('out', 'text/a.gz/')).toEqual(['text/a.gz/_job.json']);
  });

  test('goes on sending where it stopped', async () => {
    const { put, open, queues, goOn, bundles } = intakeUnderTest({ input: { bundleBytes: 4 } });
    const object = await put('text/a', 'abc\n'.repeat(1000));
    const controller = new AbortController();
    queues.bundles.faults.after = () => controller.abort();
    await open().handle([received(s3Event([object]))], deadlineOf(controller));
    queues.bundles.faults.after = undefined;
    const sent = bundles().length;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(1000);
    expect(await goOn()).toBe(1);
    expect(bundles().map((message) => (message as BundleMessage).bundle)).toEqual(
      Array.from({ length: 1000 }, (_, index) => index),
    );
    expect(queues.finalizer.sent).toHaveLength(1);
  });
});
