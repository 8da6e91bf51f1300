import type { ListedObject, StoreOptions } from '../../stores/object-store.ts';
import { DEFAULT_PART_FORMAT, partWriter } from '../../formats/parts/part-formats.ts';
import { inParallel } from '../in-parallel.ts';
import type { RecordedJob } from '../job-record.ts';
import type { PartNote } from '../part-note.ts';
import { partPlace } from '../output-layout.ts';
import { type CommittedPart, readPart } from './part-metadata.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { type BundleFiles, bundleOfPart } from '../part-names.ts';

/** Requests at once for what is known of each part: S3 takes 5,500 reads a second for a prefix. */
const READS_AT_ONCE = 32;

/** Bundles of a job that have parts, by their keys, in order; the values are the objects' ETags. */
export interface PartList {
  readonly parts: ReadonlyMap<number, string>;
  readonly errors: ReadonlyMap<number, string>;
}

/**
 * Reads what is known of a job's parts, and does not read it again where the same part is still there: for a finalizer
 * that looks again and again.
 */
export class PartReader {
  readonly recorded: RecordedJob;
  readonly #output: OutputBucket;
  readonly #known = new Map<number, { readonly etag: string; readonly part: CommittedPart | undefined }>();
  /** Most parts have the same models: each list of them is kept once. */
  readonly #models = new Map<string, Pick<PartNote, 'models' | 'providers'>>();

  constructor(recorded: RecordedJob, output: OutputBucket) {
    this.recorded = recorded;
    this.#output = output;
  }

  async list(options: StoreOptions = {}): Promise<PartList> {
    const { folder, names, job } = this.recorded;
    const { suffix } = partWriter(job.parts ?? DEFAULT_PART_FORMAT);
    const [parts, errors] = await Promise.all([
      this.#list({ folder, suffix }, options),
      this.#list({ folder: `${folder}/${names.errors}`, kind: names.errorsKind }, options),
    ]);
    return { parts, errors };
  }

  /** Reads this job's parts, by their bundles, in order: an object of another job under such a name is left out. */
  async read(list: PartList, options: StoreOptions = {}): Promise<ReadonlyMap<number, CommittedPart>> {
    await inParallel([...list.parts], READS_AT_ONCE, async ([bundle, etag]) => {
      if (this.#known.get(bundle)?.etag === etag) return;
      const part = await readPart(partPlace(this.recorded, bundle), this.#output, options);
      this.#known.set(bundle, { etag: part?.etag ?? etag, part: part && this.#shared(part) });
    });
    const found = new Map<number, CommittedPart>();
    for (const bundle of list.parts.keys()) {
      const part = this.#known.get(bundle)?.part;
      if (part !== undefined) found.set(bundle, part);
    }
    return found;
  }

  #list(files: Omit<ListPartsOptions, 'of'>, options: StoreOptions): Promise<ReadonlyMap<number, string>> {
    return listParts({ ...files, of: this.recorded.job.of }, { ...this.#output, ...options });
  }

  #shared({ note, etag }: CommittedPart): CommittedPart {
    const { models, providers } = note;
    const text = JSON.stringify([models, providers]);
    const shared = this.#models.get(text) ?? { models, ...(providers === undefined ? {} : { providers }) };
    this.#models.set(text, shared);
    return { note: { ...note, ...shared }, etag };
  }
}

export interface ListPartsOptions extends BundleFiles {
  readonly folder: string;
  /** Returns whether an object counts. @default all do */
  readonly counts?: (object: ListedObject) => boolean;
}

/** Returns the ETags of the objects in a folder that have the name of a bundle's file, by their bundles. */
export async function listParts(
  { folder, counts = () => true, ...files }: ListPartsOptions,
  { store, bucket, signal }: OutputBucket & StoreOptions,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  for await (const object of store.list(bucket, `${folder}/${files.kind ?? 'part'}-`, { signal })) {
    const bundle = bundleOfPart(object.key.slice(folder.length + 1), files);
    if (bundle !== undefined && counts(object)) found.set(bundle, object.etag);
  }
  return found;
}
