import type { PlanRequest, PlanStep } from '../format.ts';
import { DEFAULT_MAX_COLUMNS, DEFAULT_MAX_ELEMENTS, tooManyElements } from '../input-limits.ts';
import { EMPTY_PLAN } from '../plan.ts';
import { chooseColumns } from './choose-columns.ts';
import { type Chunk, chunkOf, type Group, readFooter } from './footer.ts';
import { invalidParquet } from './invalid-parquet.ts';

/**
 * Plans a Parquet file by its footer. A bundle is as many whole row groups as have `bundleBytes` in the chosen columns,
 * uncompressed. A larger row group is cut evenly if the file lists its pages; otherwise it is one bundle.
 */
export async function planRows(request: PlanRequest): Promise<PlanStep> {
  const { source, input, isCompressed, limit = Infinity } = request;
  if (isCompressed)
    throw invalidParquet('it is compressed as a whole: decompress it, as Parquet compresses its own columns');
  const file = await readFooter(source, request);
  const columns = chooseColumns(file.columns, input);
  const { maxColumns = DEFAULT_MAX_COLUMNS, maxElements = DEFAULT_MAX_ELEMENTS } = input;
  if (columns.length > maxColumns)
    throw invalidParquet(`it has ${columns.length} columns, more than 'input.maxColumns', ${maxColumns}`);
  const leaves = columns.flatMap((column) => column.leaves);
  const rows = Math.min(file.rows, limit);
  if (rows > maxElements) throw tooManyElements(maxElements);
  const starts: number[] = [];
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
      const cuts = cutGroup(group, { bytes, chunks, bundleBytes: input.bundleBytes });
      starts.push(...cuts.filter((start) => start < rows));
      // What follows a group that was cut begins a bundle.
      bundleBytes = cuts.length > 1 ? Infinity : bytes;
    }
  }
  if (starts.length === 0) return { plan: EMPTY_PLAN, isWhole: true };
  const header = columns.map(({ name }) => name);
  const plan = { kind: 'rows', starts, rows, byteLength: Math.ceil(byteLength), header } as const;
  return { plan, isWhole: true, isPrefix: rows < file.rows };
}

function uncompressedBytes(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { metadata }) => sum + Math.max(0, Number(metadata.total_uncompressed_size)), 0);
}

interface GroupSize {
  readonly bytes: number;
  readonly chunks: readonly Chunk[];
  readonly bundleBytes: number;
}

/** Returns where the bundles of a group start. */
function cutGroup({ start, rows }: Group, { bytes, chunks, bundleBytes }: GroupSize): readonly number[] {
  const canBeCut = chunks.every(({ offsetIndex }) => offsetIndex !== undefined);
  const pieces = canBeCut ? Math.min(rows, Math.max(1, Math.ceil(bytes / bundleBytes))) : 1;
  return Array.from({ length: pieces }, (_, index) => start + Math.floor((index * rows) / pieces));
}
