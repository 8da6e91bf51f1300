import { BundleMeter } from '../../lib/inference/worker/bundle-meter.ts';
import { describe, expect, test } from 'vitest';
import { runInference } from '../../lib/config/steps.ts';
import { PositionIds } from '../../lib/elements/identity.ts';
import { readElement } from '../../lib/formats/read-element.ts';
import { firstSizes, LearnedSizes } from '../../lib/inference/learned-sizes.ts';
import { ModelLink } from '../../lib/inference/worker/model-link.ts';
import { SingleModelStage } from '../../lib/inference/worker/single-model-stage.ts';
import { WorkItem } from '../../lib/inference/worker/work-item.ts';
import type { FromWorker, InferRequest } from '../../lib/inference/worker-protocol.ts';
import { decodeValues, encodeValues } from '../../lib/models/encoded-batch.ts';
import type { ModelHandlerOptions } from '../../lib/models/model-handler-options.ts';
import { ModelHandler } from '../../lib/models/model-handler.ts';
import { NO_PROGRESS } from './no-progress.ts';

/** Elements share a batch with those that have the same remainder. */
class Elsewhere extends ModelHandler<number, number> {
  readonly #keys: number;
  constructor(options: ModelHandlerOptions<number>, keys: number) {
    super(options);
    this.#keys = keys;
  }
  loadModel(): never {
    throw new Error('this runs in no host');
  }
  runInference(): never {
    throw new Error('this runs in no host');
  }
  override batchKey(n: number): string {
    return String(n % this.#keys);
  }
}

interface Setting {
  /** Milliseconds of a host's time for a batch. */
  readonly millis: (size: number) => number;
  readonly elements: number;
  readonly options?: ModelHandlerOptions<number>;
  /** Number of workers, each with one bundle of these elements. @default 1 */
  readonly workers?: number;
  /** Hosts. @default 1 */
  readonly copies?: number;
  /** Shapes that elements have in turn. @default 1 */
  readonly keys?: number;
}

interface Running {
  readonly request: InferRequest;
  readonly answer: () => void;
  endsAt: number;
}

/** The hosts of one model, on a clock of their own: a worker forms all the batches that it may before one is answered. */
class Hosts {
  readonly batches: { readonly key: string; readonly size: number }[] = [];
  now = 0;
  /** The most batches that were running or waiting at once. */
  mostInFlight = 0;
  readonly #learned: LearnedSizes;
  readonly #millis: (size: number) => number;
  readonly #copies: number;
  readonly #running: Running[] = [];
  readonly #queue: Running[] = [];
  #isTurning = false;

  constructor(learned: LearnedSizes, { millis, copies = 1 }: Setting) {
    this.#learned = learned;
    this.#millis = millis;
    this.#copies = copies;
  }

  /** A worker's way to them. */
  link(handler: ModelHandler): ModelLink {
    const link = new ModelLink((message) => this.#take(message, link), [firstSizes(handler)]);
    const info = { label: 'm', loadMillis: 0, modelBytes: 0 };
    link.handle({ kind: 'model', model: 0, info });
    return link;
  }

  #take(message: FromWorker, link: ModelLink): void {
    if (message.kind !== 'infer') throw new TypeError(`a stage does not say '${message.kind}'`);
    const { request, body } = message;
    const answer = (): void => {
      const results = encodeValues(decodeValues(body.batch));
      const sizes = this.#learned.sizes(body.key);
      const model = { label: 'm', digest: 'm' };
      link.handle({ kind: 'answer', request, answer: { ok: true, results, model, sizes } });
    };
    this.#queue.push({ request: body, answer, endsAt: 0 });
    this.mostInFlight = Math.max(this.mostInFlight, this.#queue.length + this.#running.length);
    this.#start();
  }

  #start(): void {
    while (this.#running.length < this.#copies) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      const { size } = next.request.batch;
      this.batches.push({ key: next.request.key, size });
      next.endsAt = this.now + this.#millis(size);
      this.#running.push(next);
    }
    if (this.#isTurning || this.#running.length === 0) return;
    this.#isTurning = true;
    setImmediate(() => this.#turn());
  }

  /** Goes on to when the next batch is answered. */
  #turn(): void {
    this.#isTurning = false;
    const [first] = this.#running.toSorted((one, other) => one.endsAt - other.endsAt);
    if (first === undefined) return;
    this.#running.splice(this.#running.indexOf(first), 1);
    this.now = first.endsAt;
    const { key, closedBy, isolating, batch } = first.request;
    const millis = this.#millis(batch.size);
    this.#learned.succeeded(key, { size: batch.size, millis, isJoined: false, closedBy, isolating });
    first.answer();
    this.#start();
  }
}

async function run(setting: Setting) {
  const { elements, options = {}, workers = 1, copies = 1, keys = 1 } = setting;
  const handler = new Elsewhere(options, keys);
  const hosts = new Hosts(new LearnedSizes((handler as ModelHandler).batching, copies), setting);
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const stage = new SingleModelStage(handler as ModelHandler, {
        step: runInference(handler),
        model: 0,
        stage: (name) => ({ name, code: 0 }),
        link: hosts.link(handler as ModelHandler),
        scope: {
          task: 0,
          progress: NO_PROGRESS,
          timeoutSecs: 10,
          oneByOne: false,
          known: new Map(),
          meter: new BundleMeter(),
        },
      });
      const values: unknown[] = [];
      for await (const page of stage.run(pages(elements))) values.push(...page.map(({ value }) => value));
      expect(values).toEqual(Array.from({ length: elements }, (_, n) => n));
    }),
  );
  return { hosts, sizes: hosts.batches.map(({ size }) => size) };
}

async function* pages(elements: number): AsyncGenerator<readonly WorkItem[]> {
  const ids = new PositionIds('elements');
  for (let start = 0; start < elements; start += 256) {
    const numbers = Array.from({ length: Math.min(256, elements - start) }, (_, index) => start + index);
    yield numbers.map((n) => new WorkItem(readElement(n, n), n, ids));
  }
}

const slowStart = (size: number): number => 300 + size;

describe('the batches of a bundle whose size is learned', () => {
  test('grow as the estimator says, whatever could be formed ahead', async () => {
    const { sizes, hosts } = await run({ millis: slowStart, elements: 2000 });
    expect(sizes).toEqual([1, 1, 1, 2, 2, 2, 4, 8, 16, 32, 64, 128, 256, 512, 700, 271]);
    expect(hosts.now).toBe(16 * 300 + 2000);
  });

  test('grow on all copies of the model at once, none of which waits', async () => {
    const { sizes, hosts } = await run({ millis: slowStart, elements: 8000, copies: 4 });
    const busy = sizes.reduce((sum, size) => sum + slowStart(size), 0);
    expect(hosts.now * 4).toBeLessThan(1.25 * busy);
    expect(sizes.length).toBeLessThan(4 * 16);
  });

  test('grow for two workers that share a host, each a batch behind the other', async () => {
    const { sizes } = await run({ millis: slowStart, elements: 2000, workers: 2 });
    expect(sizes.length).toBeLessThanOrEqual(2 * 14);
    expect(sizes.filter((size) => size === 1).length).toBeLessThanOrEqual(4);
  });

  test('are formed ahead again once the size is settled, and stay as they are where elements cost all', async () => {
    const { sizes, hosts } = await run({ millis: (size) => size * 0.1, elements: 20_000 });
    expect(hosts.mostInFlight).toBe(4);
    expect(new Set(sizes.slice(16, -1))).toEqual(new Set([95]));
  });

  test('are formed ahead again where a limit keeps them below the size that they aim for', async () => {
    const { sizes, hosts } = await run({ millis: slowStart, elements: 1000, options: { maxBatchBytes: 80 } });
    expect(Math.max(...sizes)).toBeLessThan(32);
    expect(hosts.mostInFlight).toBe(4);
  });

  test('do not wait for those of other shapes', async () => {
    const { hosts } = await run({ millis: () => 10, elements: 64, keys: 64 });
    expect(hosts.mostInFlight).toBe(4);
  });

  test('grow for each shape by itself', async () => {
    const { hosts } = await run({ millis: slowStart, elements: 2000, keys: 2 });
    for (const key of ['0', '1']) {
      const sizes = hosts.batches.filter((batch) => batch.key === key).map(({ size }) => size);
      expect(sizes).toEqual([1, 1, 1, 2, 2, 2, 4, 8, 16, 32, 64, 128, 256, 483]);
    }
  });

  test('are formed ahead from the start where the size is fixed', async () => {
    const options = { minBatchSize: 16, maxBatchSize: 16 };
    const { sizes, hosts } = await run({ millis: slowStart, elements: 1000, options });
    expect(sizes).toEqual([...Array<number>(62).fill(16), 8]);
    expect(hosts.mostInFlight).toBe(4);
  });
});
