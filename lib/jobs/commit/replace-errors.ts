import type { PartPlace } from '../output-layout.ts';
import { type CommittedPart, readPart } from './part-metadata.ts';
import type { OutputAccess } from '../fabric-ports.ts';

/**
 * Puts the errors of a part in the place of those of the part before it; none are left where none failed.
 *
 * Several may do this at once, for the same part or one that was replaced since: each checks afterwards that the part
 * is still the one whose errors it has put there, so that the last one puts the last part's errors.
 */
export async function replaceErrors(place: PartPlace, part: CommittedPart, output: OutputAccess): Promise<void> {
  const { store, bucket, signal } = output;
  const errors = { bucket, key: place.errors };
  const { note } = part;
  if (note.errors === undefined) await store.delete(errors, { signal });
  // Staging expires after 30 days; what was committed that long ago has been put in place.
  else await store.copy({ bucket, key: note.errors }, errors, { signal });
  await confirmErrors(place, part, output);
}

/** After the errors of a part were put in place: puts those of the part that is there now, where it is another. */
export async function confirmErrors(
  place: PartPlace,
  { note, etag }: CommittedPart,
  output: OutputAccess,
): Promise<void> {
  const now = await readPart(place, output, output);
  if (now === undefined || (now.etag === etag && now.note.errors === note.errors)) return;
  await replaceErrors(place, now, output);
}
