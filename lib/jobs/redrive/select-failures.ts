import type { RedriveSelection } from '../../elements/messages.ts';
import { FabricError } from '../../errors.ts';
import type { StoredObject } from '../../stores/object-store.ts';
import { type ErrorsLine, isSelected, ordinalOf, parseErrorsLine } from '../commit/errors-line.ts';
import type { PartPlace } from '../output-layout.ts';
import type { CommittedPart } from '../commit/part-metadata.ts';
import type { OutputAccess } from '../fabric-ports.ts';
import { readLines } from '../../formats/parts/read-lines.ts';

/** The failures of a part that are to run again. */
export interface SelectedFailures {
  /** Their elements' places in the bundle, ascending. */
  readonly ordinals: readonly number[];
  /** True if one failure represents all elements of a bundle whose source was gone. */
  readonly isRange: boolean;
}

/** Returns the errors lines that a part was committed with, even if they were replaced since. */
export async function errorsOf(
  place: PartPlace,
  { note }: CommittedPart,
  { store, bucket, signal }: OutputAccess,
): Promise<AsyncIterable<string>> {
  if (note.errors === undefined) return readLines([]);
  let object: StoredObject | undefined;
  // Staging expires after 30 days; by then the errors have long been put in their place.
  for (const key of [note.errors, place.errors]) object ??= await store.get({ bucket, key }, { signal });
  if (object !== undefined) return readLines(object.chunks);
  throw new FabricError('ERRORS_GONE', `the errors of ${place.part} are gone: its failures can't be redriven`);
}

/** @throws UnplacedFailureError where a line does not say its element's place */
export async function selectFailures(
  { place, part }: { readonly place: PartPlace; readonly part: CommittedPart },
  select: RedriveSelection,
  output: OutputAccess,
): Promise<SelectedFailures> {
  const ordinals: number[] = [];
  let isRange = false;
  for await (const text of await errorsOf(place, part, output)) {
    const line = parseErrorsLine(text);
    if (!isSelected(line, select)) continue;
    ordinals.push(ordinalOf(line));
    isRange = part.note.elements === 1 && isOfRange(line);
  }
  return { ordinals, isRange };
}

/** True if a failure is of its bundle's whole range, by its id `<anything>#<start>-<end>`. */
function isOfRange({ id, stage, error, source }: ErrorsLine): boolean {
  const { range } = source;
  if (stage !== 'read' || error.name !== 'SourceGone' || typeof range !== 'object' || range === null) return false;
  // As the processor writes it.
  const { start, end } = range as { readonly start?: number; readonly end?: number };
  return id.endsWith(`#${start}-${end}`);
}
