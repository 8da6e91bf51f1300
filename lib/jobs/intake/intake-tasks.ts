import { groupsByKey } from '../../config/group-by-key.ts';
import { formatOf } from '../../formats/registry.ts';
import { intakeJobId } from './intake-state.ts';
import { sendLooseObjects } from './loose-objects.ts';
import type { IntakeAttempt, IntakeWork, ObjectIntake, ObjectIntakeOptions } from './object-intake.ts';
import { readObjectKey } from '../object-keys.ts';
import { manifestKindOf } from '../sending/object-manifest.ts';
import { rejectObject } from './reject-object.ts';
import type { ObjectCreated } from '../sending/s3-events.ts';

/** The pipeline that is counted for what names none. */
export const NO_PIPELINE = 'none';

/** Something that one or more messages ask for. */
export interface IntakeTask {
  readonly messages: Set<string>;
  /** True if it sorts elements, which takes much more memory. */
  readonly groups: boolean;
  /** True if an earlier call began it and left the rest to another. */
  readonly isResumed: boolean;
  run(attempt: IntakeAttempt): Promise<void>;
}

type TaskKind = Pick<IntakeTask, 'groups' | 'isResumed'>;
const NEW: TaskKind = { groups: false, isResumed: false };

/** Tasks of one call's messages: one for each object, and one for all loose objects of a pipeline. */
export class IntakeTasks {
  readonly #options: ObjectIntakeOptions;
  readonly #objects: ObjectIntake;
  readonly #tasks = new Map<string, IntakeTask>();
  readonly #loose = new Map<string, ObjectCreated[]>();

  constructor(options: ObjectIntakeOptions, objects: ObjectIntake) {
    this.#options = options;
    this.#objects = objects;
  }

  all(): readonly IntakeTask[] {
    return [...this.#tasks.values()];
  }

  addObjects(message: string, objects: readonly ObjectCreated[]): void {
    for (const object of objects) this.#addObject(message, object);
  }

  /** Adds an object that an earlier call did not finish. */
  addRest(message: string, work: IntakeWork): void {
    this.#addWork(message, work, true);
  }

  #addWork(message: string, work: IntakeWork, isResumed: boolean): void {
    const facts = this.#options.pipelines[work.object.pipeline];
    const groups = work.progress.kind === 'group' || (facts !== undefined && groupsByKey(facts.input));
    this.#add(message, work.object.job, {
      run: (attempt) => this.#objects.handle(work, attempt),
      groups,
      isResumed,
    });
  }

  #addObject(message: string, created: ObjectCreated): void {
    const { bucket, key, versionId, etag, byteLength } = created;
    const { inputBuckets, pipelines } = this.#options;
    if (!inputBuckets.includes(bucket)) {
      const reason = `${bucket} is not an input bucket: ${inputBuckets.join(', ')}`;
      return this.#addRejection(message, created, { reason });
    }
    const reading = readObjectKey(key, byteLength, Object.keys(pipelines));
    if (reading.kind === 'ignored') return;
    if (reading.kind === 'rejected') {
      return this.#addRejection(message, created, reading);
    }
    const { pipeline, name } = reading;
    const facts = pipelines[pipeline];
    if (facts === undefined) return;
    if (formatOf(facts.input.format).holds === 'one' && manifestKindOf(name) === undefined) {
      return this.#addLoose(message, { pipeline, name }, created);
    }
    const version = versionId === undefined ? {} : { versionId };
    const source = { pipeline, name, bucket, key, etag, ...version };
    const object = { ...source, job: intakeJobId(source) };
    this.#addWork(message, { object, progress: { kind: 'plan' }, stalled: 0 }, false);
  }

  #addLoose(
    message: string,
    { pipeline, name }: { readonly pipeline: string; readonly name: string },
    created: ObjectCreated,
  ): void {
    const manifest = name
      .split('/')
      .slice(0, -1)
      .find((segment) => manifestKindOf(segment) !== undefined);
    if (manifest !== undefined) {
      // Its answer would lie among the results of a manifest of that name.
      const reason = `the object is in a folder called as a manifest, ${JSON.stringify(manifest)}`;
      return this.#addRejection(message, created, { reason, pipeline });
    }
    const objects = this.#loose.get(pipeline) ?? [];
    this.#loose.set(pipeline, objects);
    objects.push(created);
    this.#add(message, `loose ${pipeline}`, { ...NEW, run: () => this.#sendLoose(pipeline, objects) });
  }

  async #sendLoose(pipeline: string, objects: readonly ObjectCreated[]): Promise<void> {
    const { pipelines, queues, output } = this.#options;
    const bundleElements = pipelines[pipeline]?.input.bundleElements;
    const queue = queues.bundles[pipeline];
    if (bundleElements === undefined || queue === undefined) return;
    await sendLooseObjects(objects, { pipeline, bundleElements, queue, output });
  }

  #addRejection(
    message: string,
    created: ObjectCreated,
    { reason, pipeline = NO_PIPELINE }: { readonly reason: string; readonly pipeline?: string | undefined },
  ): void {
    const { bucket, key, versionId, etag } = created;
    this.#add(message, JSON.stringify([bucket, key, versionId ?? etag]), {
      ...NEW,
      run: () => rejectObject(created, { reason, pipeline }, this.#options),
    });
  }

  /** Adds a task, or the message to those that ask for it already. What an earlier call did is not done again. */
  #add(message: string, id: string, { run, ...kind }: Pick<IntakeTask, 'run'> & TaskKind): void {
    const known = this.#tasks.get(id);
    const messages = known?.messages ?? new Set<string>();
    messages.add(message);
    if (known === undefined || (kind.isResumed && !known.isResumed)) this.#tasks.set(id, { messages, ...kind, run });
  }
}
