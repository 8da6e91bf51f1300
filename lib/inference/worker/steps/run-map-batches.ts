import type { BatchFunction } from '../../../config/steps.ts';
import { describeError } from '../../../errors.ts';
import { listResults } from '../../../models/batch-results.ts';
import { type FunctionScope, resultInTime } from '../element-functions.ts';
import { type Attempt, runIsolated } from '../isolation.ts';
import type { Stage } from '../../stages.ts';
import type { Pages, WorkItem } from '../work-item.ts';

/** How many elements that are in no batch, and how many bytes of them, may wait behind a batch for it to fill. */
const MAX_LAG_ELEMENTS = 16_384;
const MAX_LAG_BYTES = 32 * 1024 * 1024;
/** Timeout of a piece of a failed batch: this multiple of the expected time for its size, and at least this minimum. */
const ISOLATION_SLACK = 10;
const MIN_ISOLATION_SECS = 1;

/** A function on several elements at its stage. */
export interface BatchFunctionStage extends Stage {
  readonly fn: BatchFunction<unknown, unknown>;
  readonly batchSize: number;
}

/** Runs a function on the values of `batchSize` elements at once, across pages. Finished elements skip it. */
export async function* runMapBatches(
  upstream: Pages,
  step: BatchFunctionStage,
  scope: FunctionScope,
): AsyncGenerator<readonly WorkItem[]> {
  const calls = new BatchCalls(step, scope);
  // With several elements in a call, it would not be known which one ended a worker.
  const gathering = new Gathering(scope.oneByOne ? 1 : step.batchSize);
  for await (const page of upstream) {
    for (const item of page) {
      gathering.add(item, calls.takesPart(item));
      if (!gathering.isDue) continue;
      await calls.run(gathering.batch);
      yield gathering.drain();
    }
    if (gathering.batch.length === 0) yield gathering.drain();
  }
  if (gathering.batch.length === 0) return;
  await calls.run(gathering.batch);
  yield gathering.drain();
}

/** A batch that is not full yet, and the elements around it that are in no batch. */
class Gathering {
  readonly #batchSize: number;
  #batch: WorkItem[] = [];
  #items: WorkItem[] = [];
  /** Elements that went by since the batch's first, and their bytes. */
  #passed = 0;
  #passedBytes = 0;

  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  add(item: WorkItem, takesPart: boolean): void {
    this.#items.push(item);
    if (takesPart) this.#batch.push(item);
    else if (this.#batch.length > 0) {
      this.#passed += 1;
      this.#passedBytes += item.inputBytes;
    }
    if (this.#batch.length > 0 && !this.isDue) item.isMidBatch = true;
  }

  get batch(): readonly WorkItem[] {
    return this.#batch;
  }

  /** True if the batch must run now: it is full, or too many finished elements wait behind it. */
  get isDue(): boolean {
    return (
      this.#batch.length >= this.#batchSize || this.#passed >= MAX_LAG_ELEMENTS || this.#passedBytes >= MAX_LAG_BYTES
    );
  }

  /** All that was gathered, in order. */
  drain(): readonly WorkItem[] {
    const items = this.#items;
    this.#items = [];
    this.#batch = [];
    this.#passed = 0;
    this.#passedBytes = 0;
    return items;
  }
}

/** The calls of one step's function. */
class BatchCalls {
  readonly #step: BatchFunctionStage;
  readonly #scope: FunctionScope;
  /** The longest that a call took, for each of its elements. */
  #secsPerElement = 0;
  #thrown: unknown;

  constructor(step: BatchFunctionStage, scope: FunctionScope) {
    this.#step = step;
    this.#scope = scope;
  }

  /** Checks whether the element goes into a batch. An element that is known to end a worker here fails instead. */
  takesPart(item: WorkItem): boolean {
    if (item.isThrough) return false;
    const known = this.#scope.known.get(item.ordinal);
    if (known?.code !== this.#step.code) return true;
    item.fail(this.#step.name, known.error);
    return false;
  }

  /** Runs a batch; a call that fails is made again in halves, until the elements that cause it fail alone. */
  async run(items: readonly WorkItem[]): Promise<void> {
    await runIsolated(items, {
      ceiling: () => Infinity,
      recovered: () => {},
      onTimeout: 'fail',
      attempt: (some, { isolating }) => this.#attempt(some, isolating),
      fail: (item) => item.fail(this.#step.name, this.#thrown),
    });
  }

  async #attempt(items: readonly WorkItem[], isolating: boolean): Promise<Attempt> {
    const startedAt = performance.now();
    try {
      const secsLeft = isolating ? this.#isolationSecs(items.length) : this.#scope.timeoutSecs;
      const results = await this.#call(items, secsLeft);
      items.forEach((item, index) => (item.value = results[index]));
      const secs = (performance.now() - startedAt) / 1000;
      this.#secsPerElement = Math.max(this.#secsPerElement, secs / items.length);
      return { ok: true };
    } catch (error) {
      this.#thrown = error;
      return { ok: false, failure: { cause: 'error', error: describeError(error), shared: false } };
    }
  }

  /** Records the thread's place only for a single element: a hang in a call of several is the fault of an unknown one. */
  async #call(items: readonly WorkItem[], timeoutSecs: number): Promise<readonly unknown[]> {
    const { fn, name, code } = this.#step;
    const { task, progress, oneByOne } = this.#scope;
    const [alone] = items.length === 1 ? items : [];
    const values = items.map((item) => item.value);
    const elements = items.map((item) => item.context());
    let result: unknown;
    if (alone !== undefined) progress.enter(task, alone.ordinal, code);
    try {
      result = fn(values, elements);
    } finally {
      progress.leave();
    }
    const listed = listResults(result, { giver: 'the function', count: items.length });
    if (Array.isArray(result)) return listed;
    if (oneByOne && alone !== undefined) progress.enter(task, alone.ordinal, code);
    try {
      return await resultInTime(listed, { name, timeoutSecs, isOption: false });
    } finally {
      if (oneByOne) progress.leave();
    }
  }

  #isolationSecs(size: number): number {
    const { timeoutSecs } = this.#scope;
    if (size === 1) return timeoutSecs;
    return Math.min(timeoutSecs, Math.max(MIN_ISOLATION_SECS, this.#secsPerElement * size * ISOLATION_SLACK));
  }
}
