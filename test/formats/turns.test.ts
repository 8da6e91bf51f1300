import { describe, expect, test } from 'vitest';
import type { ElementsFormatName } from '../../lib/formats/registry.ts';
import { elementsFormat } from '../../lib/formats/registry.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import { inputOptions } from './reading.ts';
import { memorySource } from './sources.ts';

const MIB = 1024 * 1024;

/** Forms of large objects, all of whose bytes are in one chunk, so that reading them never waits. */
const OBJECTS: readonly (readonly [ElementsFormatName, string, string])[] = [
  ['csv', 'x,y\n', '1,2\n'],
  ['csv', 'x,y\n', 'a","b\n'],
  ['json', '[', '1,'],
  ['json', '[', '[1,2,3,4,5,6,7,8,9,10],'],
];
const LINES: readonly (readonly [ElementsFormatName, string, string])[] = [
  ['jsonl', '', '{"n":1}\n'],
  ['text', '', 'a\n'],
];

function source(head: string, unit: string) {
  const content = Buffer.from(head + unit.repeat((8 * MIB) / unit.length));
  return memorySource(content, content.length);
}

/** A signal that a timer raises: it comes only if the pass lets timers have their turn. */
function timedSignal() {
  const controller = new AbortController();
  const reason = new Error('stopped');
  setTimeout(() => controller.abort(reason), 0);
  return { signal: controller.signal, reason };
}

describe('a pass over bytes that are in memory', () => {
  test.each(OBJECTS)('ends planning with the reason of a signal that a timer raises: %s %j %j', async (...object) => {
    const [format, head, unit] = object;
    const bytes = source(head, unit);
    const { signal, reason } = timedSignal();
    await expect(planObject(bytes, inputOptions(format), { signal })).rejects.toBe(reason);
  });

  test.each([...OBJECTS, ...LINES])('ends reading in the same way: %s %j %j', async (format, head, unit) => {
    const bytes = source(head, unit);
    const range = { start: head.length, end: bytes.byteLength, aligned: true, header: ['x', 'y'] };
    const { signal, reason } = timedSignal();
    const read = async (): Promise<void> => {
      for await (const _ of elementsFormat(format).read({ source: bytes, range, input: inputOptions(format), signal }));
    };
    await expect(read()).rejects.toBe(reason);
  });
});
