import { getText, type StoreOptions } from '../../stores/object-store.ts';
import type { OutputAccess, OutputBucket } from '../fabric-ports.ts';
import { type NoteDetails, type PartNote, partNote } from '../part-note.ts';
import { isStagedFor, type PartPlace } from '../output-layout.ts';

/** S3 takes 2 KB of metadata; names and the other fields need the rest. */
const MAX_DETAILS_BYTES = 1200;

/** A part that is there. */
export interface CommittedPart {
  readonly note: PartNote;
  readonly etag: string;
}

/**
 * The metadata that commits a part: everything that is known of it. Details that are too large for metadata are put
 * beside the staged errors, under `detailsKey`, which the metadata names.
 */
export async function metadataOf(
  note: PartNote,
  detailsKey: string,
  { store, bucket, signal }: OutputAccess,
): Promise<Record<string, string>> {
  const { job, name, elements, bytes, succeeded, errors, elapsedMillis } = note;
  const { failedByStage, models, providers, usage, measures } = note;
  const details = JSON.stringify({ failedByStage, models, providers, usage, measures });
  const fits = details.length <= MAX_DETAILS_BYTES && /^[\x20-\x7e]*$/.test(details);
  if (!fits) await store.put({ bucket, key: detailsKey }, details, { signal });
  return {
    job: encodeURIComponent(job),
    name,
    elements: String(elements),
    bytes: String(bytes),
    succeeded: String(succeeded),
    'elapsed-millis': String(elapsedMillis),
    ...(errors === undefined ? {} : { errors: encodeURIComponent(errors) }),
    ...(fits ? { details } : { 'details-key': encodeURIComponent(detailsKey) }),
  };
}

/**
 * Returns a committed part; undefined if there is no part, or one of another job. The pipeline's own role can write
 * parts, and the finalizer, which reads them, reaches all pipelines: a part that names objects which are not staged for it
 * does not count.
 */
export async function readPart(
  place: Pick<PartPlace, 'job' | 'part' | 'staging'>,
  { store, bucket }: OutputBucket,
  options: StoreOptions = {},
): Promise<CommittedPart | undefined> {
  const info = await store.head({ bucket, key: place.part }, options);
  if (info === undefined) return undefined;
  const { metadata } = info;
  const job = decodeURIComponent(metadata['job'] ?? '');
  if (job !== place.job) return undefined;
  const detailsKey = decoded(metadata['details-key']);
  const errors = decoded(metadata['errors']);
  if ([detailsKey, errors].some((key) => key !== undefined && !isStagedFor(place, key))) return undefined;
  const text =
    detailsKey === undefined ? metadata['details'] : (await getText(store, { bucket, key: detailsKey }, options))?.text;
  // Details that are gone were staged 30 days ago; the counts are still known.
  const details = (text === undefined ? { failedByStage: {}, models: {} } : JSON.parse(text)) as NoteDetails;
  const note = partNote(
    { job, name: metadata['name'] ?? '', bytes: Number(metadata['bytes']), errors },
    {
      total: Number(metadata['elements']),
      succeeded: Number(metadata['succeeded']),
      elapsedMillis: Number(metadata['elapsed-millis']),
      ...details,
    },
  );
  return { note, etag: info.etag };
}

function decoded(value: string | undefined): string | undefined {
  return value === undefined ? undefined : decodeURIComponent(value);
}
