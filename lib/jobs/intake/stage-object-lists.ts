import { DEFAULT_MAX_ELEMENTS, tooManyElements } from '../../formats/input-limits.ts';
import { isStop } from '../../formats/is-stop.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import { type IntakeObject, jobNameOf } from './intake-state.ts';
import { type ListedEntry, type ManifestKind, readManifest } from '../sending/object-manifest.ts';
import { type JobName, objectListKey } from '../output-layout.ts';
import { manifestPrefix } from '../manifest-scope.ts';
import type { PlanningOptions, PlanningOutcome } from './planning.ts';
import { WorkInFlight } from './work-in-flight.ts';

const LISTS_IN_FLIGHT = 32;

/**
 * Stages the objects of a manifest, a list for each bundle. A run that continues an earlier one reads the first
 * entries again, which is quick, and stages the lists that are not there yet.
 */
export async function stageObjectLists(
  source: ByteSource,
  { object, kind }: { readonly object: IntakeObject; readonly kind: ManifestKind },
  options: PlanningOptions,
): Promise<PlanningOutcome> {
  const { bundleElements, maxElements = DEFAULT_MAX_ELEMENTS } = options.input;
  const done = options.progress.kind === 'list' ? options.progress.count : 0;
  const lists = new ObjectLists(jobNameOf(object), done, options);
  try {
    const { bucket, pipeline } = object;
    const { inputBuckets, input, stop: signal } = options;
    const within = manifestPrefix(pipeline, input.manifests);
    let count = 0;
    for await (const entries of readManifest(source, kind, { bucket, inputBuckets, within, signal })) {
      count += entries.length;
      if (count > maxElements) throw tooManyElements(maxElements);
      await lists.add(entries);
    }
    await lists.end();
    return { kind: 'planned', plan: { kind: 'listed', count, bundleElements } };
  } catch (error) {
    await lists.settle();
    if (!isStop(error, options.stop)) throw error;
    return { kind: 'stopped', progress: { kind: 'list', count: Math.max(done, lists.staged) } };
  }
}

/** Cuts entries into lists and stages those that are not staged yet. */
class ObjectLists {
  readonly #job: JobName;
  readonly #done: number;
  readonly #options: PlanningOptions;
  readonly #puts = new WorkInFlight(LISTS_IN_FLIGHT);
  /** Entries in lists that are full. */
  #listed = 0;
  #list: ListedEntry[] = [];

  constructor(job: JobName, done: number, options: PlanningOptions) {
    this.#job = job;
    this.#done = done;
    this.#options = options;
  }

  /** How many entries are in lists that have been given to the store. */
  get staged(): number {
    return this.#listed;
  }

  async add(entries: readonly ListedEntry[]): Promise<void> {
    const { bundleElements } = this.#options.input;
    for (let from = 0; from < entries.length;) {
      const room = bundleElements - this.#list.length;
      this.#list.push(...entries.slice(from, from + room));
      from += room;
      if (this.#list.length === bundleElements) await this.#stage();
    }
  }

  /** Stages the last list. */
  async end(): Promise<void> {
    if (this.#list.length > 0) await this.#stage();
    await this.#puts.end();
  }

  /** Waits for puts in flight. @throws where a list could not be staged */
  async settle(): Promise<void> {
    await this.#puts.end();
  }

  async #stage(): Promise<void> {
    const list = this.#list;
    this.#list = [];
    this.#listed += list.length;
    if (this.#listed <= this.#done) return;
    const { store, bucket } = this.#options.output;
    const bundle = Math.ceil(this.#listed / this.#options.input.bundleElements) - 1;
    const address = { bucket, key: objectListKey(this.#job, bundle) };
    await this.#puts.begin(() => store.put(address, JSON.stringify(list), { contentType: 'application/json' }));
  }
}
