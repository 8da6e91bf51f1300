import type { ByteSource } from '../../stores/byte-source.ts';
import type { InputOptions, ReadElement, ReadOptions } from '../format.ts';
import { bundleCount, bundleRange, type ObjectPlan } from '../plan.ts';
import { elementsFormat } from '../registry.ts';
import { rankKeys, sortedKey } from './rank-keys.ts';
import { RunBuilder } from './run-builder.ts';

/** The place of an element: a bundle, and the number of elements before it in the bundle. */
export interface ElementPlace {
  readonly bundle: number;
  readonly element: number;
}

export interface SortElementsOptions extends ReadOptions {
  /** Name of the object, with its folders. @default not known */
  readonly name?: string;
  readonly input: InputOptions;
  /** @param raw - JSON text of the element, if it has one. */
  readonly keyOf: (input: unknown, raw?: string) => string | undefined;
  /** Lists of keys that belong together. */
  readonly cohorts: readonly (readonly string[])[];
  /** Opens the object, or the staged bytes of a bundle of the plan. */
  readonly openBundle: (bundle: number) => Promise<ByteSource & Partial<AsyncDisposable>>;
  /** Bytes of elements that are sorted together. */
  readonly runBytes: number;
}

/**
 * Reads elements and sorts them in runs that fit into memory. The end of a run depends only on the elements.
 *
 * @param plan - of the object without grouping.
 * @returns runs, and the place after each.
 */
export async function* sortElements(
  plan: ObjectPlan,
  from: ElementPlace,
  options: SortElementsOptions,
): AsyncGenerator<{ readonly bytes: Buffer; readonly next: ElementPlace }> {
  const { input, keyOf, cohorts, runBytes } = options;
  const packing = elementsFormat(input.format).packing(plan.header ?? [], input);
  const builder = new RunBuilder(packing, { rankOf: rankKeys(cohorts), maxBytes: runBytes });
  const of = bundleCount(plan);
  for (let bundle = from.bundle; bundle < of; bundle += 1) {
    let element = 0;
    const first = bundle === from.bundle ? from.element : 0;
    for await (const page of readPlanned(plan, bundle, options)) {
      for (const read of page) {
        element += 1;
        if (element <= first) continue;
        builder.add(read, read.failure === undefined ? sortedKey(keyOf(read.input, read.raw)) : undefined);
        if (builder.isFull) yield { bytes: builder.drain(), next: { bundle, element } };
      }
    }
  }
  if (!builder.isEmpty) yield { bytes: builder.drain(), next: { bundle: of, element: 0 } };
}

async function* readPlanned(
  plan: ObjectPlan,
  bundle: number,
  { name, input, openBundle, signal }: SortElementsOptions,
): AsyncGenerator<readonly ReadElement[]> {
  signal?.throwIfAborted();
  const source = await openBundle(bundle);
  try {
    const range = bundleRange(plan, bundle);
    yield* elementsFormat(input.format).read({
      source,
      range,
      input,
      ...(name === undefined ? {} : { name }),
      ...(signal ? { signal } : {}),
    });
  } finally {
    await source[Symbol.asyncDispose]?.();
  }
}
