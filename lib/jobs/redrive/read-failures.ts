import type { RedriveSelection } from '../../elements/messages.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import { type ErrorsLine, isSelected, parseErrorsLine } from '../commit/errors-line.ts';
import type { RecordedJob } from '../job-record.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { partPlace } from '../output-layout.ts';
import { readLines } from '../../formats/parts/read-lines.ts';
import { listParts } from '../commit/read-parts.ts';

/** A failed element of a job. */
export interface Failure {
  readonly line: ErrorsLine;
  /** The line's text in the errors part. */
  readonly text: string;
  readonly bundle: number;
}

/** The bundles of a job that have errors, in order. */
export async function bundlesWithErrors(
  { job, folder, names }: RecordedJob,
  output: OutputBucket & StoreOptions,
): Promise<readonly number[]> {
  const errors = { folder: `${folder}/${names.errors}`, kind: names.errorsKind, of: job.of };
  return [...(await listParts(errors, output)).keys()];
}

/** The failures of one bundle that are asked for, in input order. */
export async function* readFailuresOf(
  recorded: RecordedJob,
  { bundle, select }: { readonly bundle: number; readonly select: RedriveSelection },
  { store, bucket, signal }: OutputBucket & StoreOptions,
): AsyncGenerator<Failure> {
  const object = await store.get({ bucket, key: partPlace(recorded, bundle).errors }, { signal });
  // A redrive may have removed it by now.
  if (object === undefined) return;
  for await (const text of readLines(object.chunks)) {
    const line = parseErrorsLine(text);
    if (isSelected(line, select)) yield { line, text, bundle };
  }
}

/** The failures of a job that are asked for, in input order. */
export async function* readFailures(
  recorded: RecordedJob,
  select: RedriveSelection,
  output: OutputBucket & StoreOptions,
): AsyncGenerator<Failure> {
  for (const bundle of await bundlesWithErrors(recorded, output)) {
    yield* readFailuresOf(recorded, { bundle, select }, output);
  }
}
