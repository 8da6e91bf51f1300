import type { StoreOptions } from '../../stores/object-store.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { readLines } from '../../formats/parts/read-lines.ts';
import { inParallel } from '../in-parallel.ts';
import type { RecordedJob } from '../job-record.ts';
import { partPlace } from '../output-layout.ts';
import { bundlesWithErrors } from '../redrive/read-failures.ts';
import { FailureGroups } from './failure-groups.ts';

/** Number of parts that are read at once; in S3, each is a request. */
const READS_AT_ONCE = 8;
/** Number of parts whose groups are kept before they are merged, in order. */
const PARTS_TOGETHER = 64;

/** Adds the failures of a job, in input order, from its errors parts. */
export async function addJobFailures(
  groups: FailureGroups,
  recorded: RecordedJob,
  output: OutputBucket & StoreOptions,
): Promise<void> {
  const bundles = await bundlesWithErrors(recorded, output);
  for (let first = 0; first < bundles.length; first += PARTS_TOGETHER) {
    const some = bundles.slice(first, first + PARTS_TOGETHER);
    const counted = await inParallel(some, READS_AT_ONCE, (bundle) => countPart(recorded, bundle, output));
    for (const part of counted) groups.merge(part);
  }
}

async function countPart(
  recorded: RecordedJob,
  bundle: number,
  { store, bucket, signal }: OutputBucket & StoreOptions,
): Promise<FailureGroups> {
  const groups = new FailureGroups();
  const object = await store.get({ bucket, key: partPlace(recorded, bundle).errors }, { signal });
  // A redrive may have removed it by now.
  if (object !== undefined) for await (const line of readLines(object.chunks)) groups.addLine(line);
  return groups;
}
