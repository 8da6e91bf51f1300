import { elementsFormat } from '../../lib/formats/registry.ts';
import type { InputOptions, ReadElement } from '../../lib/formats/format.ts';
import type { BundleRange } from '../../lib/formats/plan.ts';
import type { ElementsFormatName, FormatName } from '../../lib/formats/registry.ts';
import { planObject, type PlanObjectOptions } from '../../lib/formats/plan-object.ts';
import { bundleCount, bundleRange, type ObjectPlan } from '../../lib/formats/plan.ts';
import type { ByteSource } from '../../lib/stores/byte-source.ts';
import { shiftedSource } from '../../lib/stores/shifted-source.ts';
import { memorySource } from './sources.ts';

export function inputOptions(
  format: FormatName,
  options: Partial<InputOptions> = {},
): InputOptions & { readonly format: FormatName } {
  return {
    bundleBytes: 4 * 1024 * 1024,
    bundleElements: 256,
    maxElementBytes: 16 * 1024 * 1024,
    maxPixels: 50_000_000,
    ...options,
    format,
  };
}

export async function collect<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

export function readRange(source: ByteSource, range: BundleRange, input: InputOptions): Promise<ReadElement[]> {
  return collect(elementsFormat(input.format).read({ source, range, input }));
}

/** The elements of each bundle of an object, as a worker reads them: of compressed ones from what was staged. */
export async function readBundles(
  source: ByteSource,
  input: InputOptions,
  options: PlanObjectOptions = {},
): Promise<{ plan: ObjectPlan; bundles: ReadElement[][] }> {
  const staged: Uint8Array[] = [];
  const stage = async (index: number, bytes: Uint8Array) => void (staged[index] = Uint8Array.from(bytes));
  const plan = await planObject(source, input, options.compression === undefined ? options : { ...options, stage });
  const bundles: ReadElement[][] = [];
  for (let index = 0; index < bundleCount(plan); index++) {
    const range = bundleRange(plan, index);
    const chunk = staged[index];
    const from = chunk === undefined ? source : shiftedSource(memorySource(chunk), range.start);
    bundles.push(await readRange(from, range, input));
  }
  return { plan, bundles };
}

export async function readAll(
  content: string | Uint8Array,
  format: ElementsFormatName,
  options: Partial<InputOptions> = {},
): Promise<ReadElement[]> {
  const { bundles } = await readBundles(memorySource(content), inputOptions(format, options));
  return bundles.flat();
}
