import { describe, expect, test } from 'vitest';
import type { ElementWatch } from '../../lib/formats/format.ts';
import type { ElementsFormatName } from '../../lib/formats/registry.ts';
import { elementsFormat } from '../../lib/formats/registry.ts';
import { readObjects } from '../../lib/formats/objects.ts';
import { collect, inputOptions } from './reading.ts';
import { memorySource } from './sources.ts';

const LOST = { name: 'WorkerCrashedError', message: 'the worker exited in read' };

/** A watch that knows one place, and remembers all. */
function watchKnowing(known?: number): ElementWatch & { readonly places: number[] } {
  const places: number[] = [];
  return {
    places,
    known: (place) => (place === known ? LOST : undefined),
    run(place, read) {
      places.push(place);
      return read();
    },
    hold(place) {
      places.push(place);
      return { [Symbol.dispose]: () => {} };
    },
  };
}

async function read(format: ElementsFormatName, content: string, known?: number) {
  const watch = watchKnowing(known);
  const source = memorySource(content);
  const header = format === 'csv' ? { header: ['a', 'b'] } : {};
  const start = format === 'json' ? 1 : 0;
  const range = { start, end: source.byteLength, aligned: true, ...header };
  const elements = await collect(elementsFormat(format).read({ source, range, input: inputOptions(format), watch }));
  return { elements, places: watch.places };
}

describe('a watch on elements that are read', () => {
  test.each([
    ['jsonl', '{"a":1}\n\n  \n{"a":2}\r\n{"a":3}\n', '{"a":2}', 1],
    ['jsonl', '[1]{"a":2}\n\n{"b":1}', '{"b":1}', 2],
    ['csv', '1,2\n\n3,"4\n5"\r\n6,7', '3,"4\n5"', 1],
    ['text', 'x\n\nz\n', '', 1],
    ['json', '[1, {"a": 2} ,3]', '{"a": 2}', 1],
  ] as const)(
    'refuses the element of %s that is known, and leaves the others: %j',
    async (format, content, raw, place) => {
      const { elements: all, places } = await read(format, content);
      expect(new Set(places)).toContain(place);
      const { elements } = await read(format, content, place);
      const { position = -1 } = all[place] ?? {};
      expect(elements).toEqual(all.with(place, { position, input: undefined, raw, failure: LOST }));
    },
  );

  test('counts a record of several values by the place of its first, and goes on after its last', async () => {
    const { places } = await read('jsonl', '1\n[2][3][4]\n5\n');
    expect(places).toEqual([0, 1, 4]);
  });

  test('goes on counting across pages', async () => {
    const { places } = await read('jsonl', '1\n'.repeat(2000));
    expect(places).toEqual(Array.from({ length: 2000 }, (_, place) => place));
  });

  test('follows the check of each image, one after another, and refuses the one that is known', async () => {
    const watch = watchKnowing(1);
    const objects = ['a', 'b', 'c'].map((uri, index) => ({ uri, position: 10 + index }));
    const opened: string[] = [];
    const open = async ({ uri }: { readonly uri: string }) => {
      opened.push(uri);
      return memorySource('no image');
    };
    const elements = await collect(readObjects({ objects, open, input: inputOptions('images'), watch }));
    expect(elements.map(({ position, failure }) => [position, failure?.name])).toEqual([
      [10, 'ImageDecodeError'],
      [11, LOST.name],
      [12, 'ImageDecodeError'],
    ]);
    expect(opened).toEqual(['a', 'c']);
    expect(watch.places).toEqual([0, 2]);
  });
});
