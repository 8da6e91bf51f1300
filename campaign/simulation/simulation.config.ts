import { defineFabric, map, type Element, type ObjectInput } from 'inference-fabric';
import { doubleOf } from './doubles.ts';

interface Numbered {
  readonly n: number | string;
}

function double({ n }: Numbered): number {
  return doubleOf(Number(n));
}

function doubleBytes({ bytes }: ObjectInput): number {
  return doubleOf(Number(Buffer.from(bytes).toString()));
}

const steps = [map((value: Numbered, _element: Element) => double(value))];

/** Each number is doubled, but for those that {@link doubleOf} refuses. Bundles hold a few elements. */
export default defineFabric({
  pipelines: {
    lines: { input: { format: 'jsonl', bundleBytes: 96 }, steps },
    rows: { input: { format: 'csv', bundleBytes: 24 }, steps },
    array: { input: { format: 'json', bundleBytes: 96 }, steps },
    answers: { input: { format: 'jsonl', bundleBytes: 96 }, steps, output: { elements: 'id' } },
    objects: { input: { format: 'binary', bundleElements: 3 }, steps: [map(doubleBytes)] },
  },
});
