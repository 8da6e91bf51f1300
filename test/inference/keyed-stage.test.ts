import { BundleMeter } from '../../lib/inference/worker/bundle-meter.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runInference } from '../../lib/config/steps.ts';
import { PositionIds } from '../../lib/elements/identity.ts';
import { readElement } from '../../lib/formats/read-element.ts';
import { KeyedStage } from '../../lib/inference/worker/keyed/keyed-stage.ts';
import { ModelLink } from '../../lib/inference/worker/model-link.ts';
import { WorkItem } from '../../lib/inference/worker/work-item.ts';
import type { FromWorker } from '../../lib/inference/worker-protocol.ts';
import { decodeValues, encodeValues } from '../../lib/models/encoded-batch.ts';
import { KeyedModelHandler, KeyModelMapping } from '../../lib/models/keyed-model-handler.ts';
import type { ModelHandlerOptions } from '../../lib/models/model-handler-options.ts';
import { ModelHandler } from '../../lib/models/model-handler.ts';
import { NO_PROGRESS } from './no-progress.ts';

/** Its model is the fake engine's. */
class Elsewhere extends ModelHandler {
  loadModel(): never {
    throw new Error('this runs in no host');
  }
  runInference(): never {
    throw new Error('this runs in no host');
  }
}

interface Setting {
  readonly cohorts: number;
  /** The most models that are lent at once. */
  readonly bound: number;
  readonly sizes: ModelHandlerOptions;
  /** The cohorts of which no model can be loaded. */
  readonly broken?: ReadonlySet<number>;
  readonly millisAnElement?: number;
}

/** A keyed stage on an engine whose models multiply by their place plus one, as soon as they are asked. */
class Bench {
  readonly #setting: Setting;
  readonly #handler: KeyedModelHandler;
  readonly #link: ModelLink;
  readonly #waiting = new Map<number, readonly number[]>();
  readonly #lent: number[] = [];
  /** The elements of each batch that has run, by their values. */
  readonly batches: (readonly number[])[] = [];
  mostLent = 0;
  #millis = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
    const mappings = Array.from({ length: setting.cohorts }, (_, n) => {
      return new KeyModelMapping([`k${n}`], new Elsewhere(setting.sizes));
    });
    this.#handler = new KeyedModelHandler(mappings, { maxModelsPerWorkerHint: setting.bound });
    const targets = mappings.map(() => ({ target: setting.sizes.maxBatchSize ?? 1 }));
    this.#link = new ModelLink((message) => queueMicrotask(() => this.#take(structuredClone(message))), targets);
  }

  get lent(): readonly number[] {
    return this.#lent;
  }

  get inferred(): number {
    return this.batches.reduce((sum, batch) => sum + batch.length, 0);
  }

  run(pages: Iterable<readonly WorkItem[]>): AsyncGenerator<readonly WorkItem[]> {
    const stage = new KeyedStage(this.#handler, {
      step: runInference(this.#handler),
      model: 0,
      stage: (name) => ({ name, code: 0 }),
      link: this.#link,
      scope: {
        task: 0,
        progress: NO_PROGRESS,
        timeoutSecs: 10,
        oneByOne: false,
        known: new Map(),
        meter: new BundleMeter(),
      },
      now: () => this.#millis,
    });
    return stage.run(
      (async function* () {
        yield* pages;
      })(),
    );
  }

  #take(message: FromWorker): void {
    switch (message.kind) {
      case 'lease':
        this.#waiting.set(message.request, message.models);
        return this.#lend();
      case 'cancelLease':
        this.#waiting.delete(message.request);
        return;
      case 'release':
        expect(this.#lent).toContain(message.model);
        this.#lent.splice(this.#lent.indexOf(message.model), 1);
        return this.#lend();
      case 'infer': {
        const { model, batch } = message.body;
        expect(this.#lent).toContain(model);
        const values = decodeValues(batch) as readonly number[];
        this.batches.push(values);
        this.#millis += values.length * (this.#setting.millisAnElement ?? 0);
        const results = encodeValues(values.map((value) => value * (model + 1)));
        const sizes = { target: this.#setting.sizes.maxBatchSize ?? 1 };
        const label = { label: `m${model}`, digest: `m${model}` };
        this.#link.handle({
          kind: 'answer',
          request: message.request,
          answer: { ok: true, results, model: label, sizes },
        });
        return;
      }
      default:
        throw new TypeError(`a stage does not say '${message.kind}'`);
    }
  }

  /** Lends what is lent already, or else the model that was asked for last, as far as the bound lets it. */
  #lend(): void {
    for (const [request, models] of this.#waiting) {
      const held = models.find((model) => this.#lent.includes(model));
      const model = held ?? models.at(-1) ?? 0;
      if (held === undefined && new Set(this.#lent).size >= this.#setting.bound) continue;
      this.#waiting.delete(request);
      if (this.#setting.broken?.has(model) === true) {
        const error = {
          name: 'ModelLoadError',
          message: 'no',
          code: 'MODEL_NOT_LOADED',
          disposition: 'fatal',
        } as const;
        this.#link.handle({ kind: 'leased', request, lease: { model, ok: false, error } });
        continue;
      }
      this.#lent.push(model);
      this.mostLent = Math.max(this.mostLent, this.#lent.length);
      const info = { label: `m${model}`, loadMillis: 1, modelBytes: 1 };
      this.#link.handle({ kind: 'leased', request, lease: { model, ok: true, info } });
    }
  }
}

const ids = new PositionIds('n');

/** Elements of these cohorts, numbered from `first` on, in pages. */
function pagesOf(cohorts: readonly number[], first = 0, pageElements = 256): readonly (readonly WorkItem[])[] {
  const items = cohorts.map((cohort, index) => {
    const item = new WorkItem(readElement(first + index, first + index), first + index, ids);
    item.key = `k${cohort}`;
    return item;
  });
  const pages = Math.ceil(items.length / pageElements);
  return Array.from({ length: pages }, (_, n) => items.slice(n * pageElements, (n + 1) * pageElements));
}

function cohortsOf(count: number, cohorts: number): readonly number[] {
  let random = 7;
  return Array.from({ length: count }, () => {
    random = (random * 48_271) % 2_147_483_647;
    return random % cohorts;
  });
}

async function all(pages: AsyncIterable<readonly WorkItem[]>): Promise<readonly WorkItem[]> {
  const items: WorkItem[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}

const fixed = (size: number) => ({ minBatchSize: size, maxBatchSize: size });

describe('KeyedStage', () => {
  test('gives each element what its own model makes of it, in order, and gives every lease back', async () => {
    const setting = fc.record({
      cohorts: fc.integer({ min: 2, max: 6 }),
      bound: fc.integer({ min: 1, max: 6 }),
      size: fc.integer({ min: 1, max: 9 }),
      broken: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 2 }),
      elements: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 300 }),
      pageElements: fc.integer({ min: 1, max: 50 }),
    });
    await fc.assert(
      fc.asyncProperty(setting, async ({ cohorts, bound, size, broken, elements, pageElements }) => {
        const bench = new Bench({ cohorts, bound, sizes: fixed(size), broken: new Set(broken) });
        const items = await all(bench.run(pagesOf(elements, 0, pageElements)));
        expect(items.map(({ ordinal }) => ordinal)).toEqual(elements.map((_, n) => n));
        items.forEach(({ value, failure, models }, n) => {
          const cohort = elements[n] ?? -1;
          const stage = cohort >= cohorts ? 'inference' : broken.includes(cohort) ? 'load' : undefined;
          expect(failure?.stage).toBe(stage);
          if (stage !== undefined) return;
          expect(value).toBe(n * (cohort + 1));
          expect(models?.map(({ label }) => label)).toEqual([`m${cohort}`]);
        });
        for (const batch of bench.batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(size);
          expect(new Set(batch.map((n) => elements[n])).size).toBe(1);
          expect(batch).toEqual(batch.toSorted((one, other) => one - other));
        }
        await Promise.resolve();
        expect(bench.lent).toEqual([]);
        expect(bench.mostLent).toBeLessThanOrEqual(bound < cohorts ? Math.min(2, bound * 2) : cohorts);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['some models', 2],
    ['all models', 5],
  ])('has the same batches of a fixed size from wherever a bundle may go on, with %s in memory', async (_, bound) => {
    const cohorts = cohortsOf(20_000, 5);
    const whole = new Bench({ cohorts: 5, bound, sizes: fixed(16) });
    const items = await all(whole.run(pagesOf(cohorts)));
    const cuts = items.flatMap(({ isMidBatch, ordinal }) => (isMidBatch ? [] : [ordinal + 1]));
    expect(cuts).toEqual([8192, 16_384]);
    const inOrder = (batches: Bench['batches']) => batches.toSorted(([one = 0], [other = 0]) => one - other);
    for (const cut of cuts) {
      const rest = new Bench({ cohorts: 5, bound, sizes: fixed(16) });
      await all(rest.run(pagesOf(cohorts.slice(cut), cut, 100)));
      expect(inOrder(rest.batches)).toEqual(inOrder(whole.batches.filter(([n = 0]) => n >= cut)));
    }
    for (const batch of whole.batches.filter(({ length }) => length < 16)) {
      // What is left of a cohort at the end of a segment.
      const [last = 0] = batch.slice(-1);
      const segment = Math.floor(last / 8192);
      expect(cohorts.slice(last + 1, (segment + 1) * 8192)).not.toContain(cohorts[last]);
    }
  });

  test('asks for each model once in a round, however the keys are mixed', async () => {
    const bench = new Bench({ cohorts: 20, bound: 1, sizes: fixed(8) });
    const cohorts = cohortsOf(20_000, 20);
    await all(bench.run(pagesOf(cohorts)));
    const models = bench.batches.map(([n = 0]) => cohorts[n]);
    const changes = models.filter((model, at) => model !== models[at - 1]);
    expect(changes).toHaveLength(20);
  });

  test('gives something out long before slow models have run all, so that a deadline finds progress', async () => {
    const bench = new Bench({ cohorts: 6, bound: 5, sizes: { maxBatchSize: 8 }, millisAnElement: 100 });
    const cohorts = cohortsOf(6000, 6);
    const seen: number[] = [];
    let count = 0;
    for await (const page of bench.run(pagesOf(cohorts))) {
      for (const { ordinal } of page) expect(ordinal).toBe(count++);
      seen.push(bench.inferred);
    }
    expect(count).toBe(6000);
    expect(seen[0]).toBeLessThan(2500);
  });

  test('holds and awaits nothing any more when whoever takes its elements leaves', async () => {
    for (const bound of [1, 3, 4]) {
      const bench = new Bench({ cohorts: 4, bound, sizes: fixed(4) });
      for await (const _ of bench.run(pagesOf(cohortsOf(5000, 4)))) break;
      await new Promise(setImmediate);
      expect(bench.lent).toEqual([]);
    }
  });
});
