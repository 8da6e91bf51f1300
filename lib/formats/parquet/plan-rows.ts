import type { PlanRequest, PlanStep, ReadOptions } from '../format.ts';
import { DEFAULT_MAX_COLUMNS, DEFAULT_MAX_ELEMENTS, tooManyElements } from '../input-limits.ts';
import { EMPTY_PLAN, type RowsPlan } from '../plan.ts';
import { chooseColumns } from './choose-columns.ts';
import { type BundleStart, GroupCutter } from './cut-groups.ts';
import { type Chunk, chunkOf, readFooter } from './footer.ts';
import { invalidParquet } from './invalid-parquet.ts';
import { partitionsOf } from './partitions.ts';

/**
 * Plans a Parquet file by its footer. A bundle is as many whole row groups as have `bundleBytes` in the chosen columns,
 * uncompressed. A larger row group is cut where pages begin if these can be found with few requests; otherwise it is one
 * bundle.
 */
export async function planRows(request: PlanRequest): Promise<PlanStep> {
  const { source, input, isCompressed, limit = Infinity } = request;
  if (isCompressed)
    throw invalidParquet('it is compressed as a whole: decompress it, as Parquet compresses its own columns');
  const file = await readFooter(source, request);
  const { columns, partitions } = chooseColumns(file.columns, input, partitionsOf(request.name, input));
  const { maxColumns = DEFAULT_MAX_COLUMNS, maxElements = DEFAULT_MAX_ELEMENTS } = input;
  if (columns.length > maxColumns)
    throw invalidParquet(`it has ${columns.length} columns, more than 'input.maxColumns', ${maxColumns}`);
  const leaves = columns.flatMap((column) => column.leaves);
  const rows = Math.min(file.rows, limit);
  if (rows > maxElements) throw tooManyElements(maxElements);
  const cutter = new GroupCutter({ ...readingOf(request), source, bundleBytes: input.bundleBytes });
  const bundles: BundleStart[] = [];
  let byteLength = 0;
  let bundleBytes = Infinity;
  for (const group of file.groups) {
    if (group.start >= rows) break;
    if (group.rows === 0) continue;
    const chunks = leaves.map((leaf) => chunkOf(group, leaf, file));
    const bytes = uncompressedBytes(chunks);
    byteLength += bytes * Math.min(1, (rows - group.start) / group.rows);
    if (bundleBytes + bytes <= input.bundleBytes) bundleBytes += bytes;
    else {
      const cuts = await cutter.cut({ group, leaves, chunks, bytes });
      bundles.push(...cuts.filter(({ start }) => start < rows));
      // The group behind one that was cut begins a bundle.
      bundleBytes = cuts.length > 1 ? Infinity : bytes;
    }
  }
  if (bundles.length === 0) return { plan: EMPTY_PLAN, isWhole: true };
  const header = [...columns.map(({ name }) => name), ...Object.keys(partitions)];
  return {
    plan: { kind: 'rows', ...startsOf(bundles), rows, byteLength: Math.ceil(byteLength), header },
    isWhole: true,
    isPrefix: rows < file.rows,
  };
}

function readingOf({ signal, stop = signal }: PlanRequest): ReadOptions {
  return stop === undefined ? {} : { signal: stop };
}

function startsOf(bundles: readonly BundleStart[]): Pick<RowsPlan, 'starts' | 'pages'> {
  const starts = bundles.map(({ start }) => start);
  const hasPages = bundles.some(({ pages }) => pages !== undefined);
  return hasPages ? { starts, pages: bundles.map(({ pages }) => pages ?? null) } : { starts };
}

function uncompressedBytes(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { metadata }) => sum + Math.max(0, Number(metadata.total_uncompressed_size)), 0);
}
