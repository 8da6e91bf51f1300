import { setImmediate } from 'node:timers/promises';
import type { GroupingStaging } from '../../lib/formats/grouping/group-elements.ts';
import { readGrouped } from '../../lib/formats/grouping/read-grouped.ts';
import type { InputOptions, ReadElement } from '../../lib/formats/format.ts';
import { bundleRange, type GroupedPlan } from '../../lib/formats/plan.ts';
import { collect } from './reading.ts';
import { memorySource } from './sources.ts';

export interface MemoryStaging extends GroupingStaging {
  readonly pieces: ReadonlyMap<string, Buffer>;
  readonly bundles: readonly Buffer[];
  /** Called with how many bytes were read, or written where they are below 0. */
  onBytes: (bytes: number) => void;
}

/**
 * Staging in memory. What was begun to be written is there a little later; what is there stays as it was. Bundles are the
 * same by whatever runs, so that they need no name beside their number.
 */
export function memoryStaging(): MemoryStaging {
  const pieces = new Map<string, Buffer>();
  const bundles: Buffer[] = [];
  const underWay = new Set<Promise<void>>();
  const begin = (write: () => void): void => {
    const writing = setImmediate().then(write);
    underWay.add(writing);
    void writing.finally(() => underWay.delete(writing));
  };
  const staging: MemoryStaging = {
    pieces,
    bundles,
    onBytes: () => {},
    async writePiece(run, piece, bytes) {
      staging.onBytes(-bytes.length);
      const name = `${run}/${piece}`;
      begin(() => {
        if (pieces.get(name)?.equals(bytes) === false) throw new Error(`${name} was written with other bytes`);
        pieces.set(name, Buffer.from(bytes));
      });
    },
    async writeBundle(_id, bundle, bytes) {
      staging.onBytes(-bytes.length);
      begin(() => {
        if (bundles[bundle]?.equals(bytes) === false) throw new Error(`bundle ${bundle} was written with other bytes`);
        bundles[bundle] = Buffer.from(bytes);
      });
    },
    async settle() {
      await Promise.all(underWay);
    },
    async openPiece(run, piece) {
      const bytes = pieces.get(`${run.name}/${piece}`);
      if (bytes === undefined) throw new Error(`there is no piece ${piece} of run ${run.name}`);
      const source = memorySource(bytes, 1000);
      return {
        byteLength: bytes.length,
        async *read(range, options) {
          for await (const chunk of source.read(range, options)) {
            staging.onBytes(chunk.length);
            yield chunk;
          }
        },
      };
    },
  };
  return staging;
}

/** The elements of each bundle, as a worker reads them. */
export async function readStaged(
  { bundles }: Pick<MemoryStaging, 'bundles'>,
  plan: GroupedPlan,
  input: InputOptions,
  chunkBytes = 1000,
): Promise<ReadElement[][]> {
  return Promise.all(
    bundles.map((bytes, bundle) => {
      const { start, end, header } = bundleRange(plan, bundle);
      return collect(readGrouped({ source: memorySource(bytes, chunkBytes), range: { start, end }, header, input }));
    }),
  );
}
