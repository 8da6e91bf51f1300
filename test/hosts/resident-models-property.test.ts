import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FabricError } from '../../lib/errors.ts';
import { LOAD_FAILURE_MEMORY_MILLIS } from '../../lib/hosts/resident-models.ts';
import { FakeModels } from './fake-models.ts';

const MODELS = 6;
const place = fc.nat(99);
const failure = fc.constantFrom(undefined, undefined, undefined, new Error('corrupt'), passing());

type Action =
  | { readonly kind: 'acquire'; readonly wanted: readonly number[]; readonly group: string | undefined }
  | { readonly kind: 'settle'; readonly which: number; readonly failure: Error | undefined }
  | { readonly kind: 'release' | 'abort' | 'discard' | 'renew'; readonly which: number }
  | { readonly kind: 'resize'; readonly which: number; readonly bytes: number | undefined }
  | { readonly kind: 'wait'; readonly millis: number };

const bytes = fc.integer({ min: 10, max: 150 });

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('acquire'),
      wanted: wishes(),
      group: fc.constantFrom(undefined, 'g', 'h'),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('settle'), which: place, failure }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release'), which: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort'), which: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('discard', 'renew'), which: place }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('resize'), which: place, bytes: fc.option(bytes, { nil: undefined }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait'), millis: fc.nat(LOAD_FAILURE_MEMORY_MILLIS) }) },
);

const story = fc.record({
  actions: fc.array(action, { maxLength: 60, size: 'max' }),
  maxModels: fc.constantFrom(1, 2, 3, Infinity),
  maxBytes: fc.constantFrom(100, 200, Infinity),
  bytes: fc.array(bytes, { minLength: MODELS, maxLength: MODELS }),
});

function wishes(): fc.Arbitrary<number[]> {
  return fc.uniqueArray(fc.nat(MODELS - 1), { minLength: 1, maxLength: MODELS });
}

function passing(): Error {
  return new FabricError('BUSY', 'try again', { disposition: 'retry' });
}

interface Asked {
  readonly wanted: readonly number[];
  readonly controller: AbortController;
  answer?: string;
}

/** Takes actions in a world of fakes, and knows what was asked and what is held. */
class Player {
  readonly world: FakeModels;
  readonly asked: Asked[] = [];
  readonly held: string[] = [];

  constructor(world: FakeModels) {
    this.world = world;
  }

  async take(action: Action): Promise<void> {
    switch (action.kind) {
      case 'acquire':
        this.#acquire(action.wanted, action.group);
        break;
      case 'settle':
        this.#settle(action.which, action.failure);
        break;
      case 'release':
        this.#release(action.which);
        break;
      case 'abort':
        pick(this.waiting, action.which)?.controller.abort(new Error('given up'));
        break;
      case 'discard':
        this.world.resident.discard(action.which % MODELS, new Error('lost'));
        break;
      case 'renew':
        this.world.renew(this.world.models[action.which % MODELS]?.name ?? '');
        break;
      case 'resize':
        this.#resize(action.which, action.bytes);
        break;
      case 'wait':
        this.world.now += action.millis;
        break;
    }
    await this.world.quiet();
  }

  get waiting(): Asked[] {
    return this.asked.filter(({ answer }) => answer === undefined);
  }

  /** Ends all loads and closes, and gives back all leases, until nothing more happens. */
  async finish(): Promise<void> {
    for (let round = 0; round < 1000; round += 1) {
      const isPending = this.world.models.some((model) => model.isPending);
      if (!isPending && this.held.length === 0) return;
      await this.take({ kind: 'settle', which: round, failure: undefined });
      await this.take({ kind: 'release', which: 0 });
    }
    throw new Error('it never comes to rest');
  }

  #acquire(wanted: readonly number[], group?: string): void {
    const asked: Asked = { wanted, controller: new AbortController() };
    this.asked.push(asked);
    const names = wanted.map((index) => this.world.models[index]?.name).join('');
    this.world.acquire(names, { signal: asked.controller.signal, group }).then(
      (answer) => {
        if (asked.answer !== undefined) this.world.complain('a request is answered twice');
        asked.answer = answer;
        if (answer.length === 1) this.held.push(answer);
        if (!names.includes(answer.slice(0, 1))) this.world.complain(`${answer} is given to who wants ${names}`);
      },
      (error: Error) => (asked.answer = error.message),
    );
  }

  #settle(which: number, failure: Error | undefined): void {
    const model = pick(
      this.world.models.filter(({ isPending }) => isPending),
      which,
    );
    if (model !== undefined) this.#end(model.name, failure);
  }

  #end(name: string, failure: Error | undefined): void {
    const model = this.world.model(name);
    model.failure = model.state === 'opening' ? failure : undefined;
    model.settle();
  }

  #resize(which: number, bytes: number | undefined): void {
    const model = this.world.models[which % MODELS];
    if (model !== undefined) model.bytes = bytes;
  }

  #release(which: number): void {
    const name = pick(this.held, which);
    if (name === undefined) return;
    this.held.splice(this.held.indexOf(name), 1);
    this.world.release(name);
  }
}

function pick<Item>(items: readonly Item[], which: number): Item | undefined {
  return items[which % items.length];
}

async function play({ actions, maxModels, maxBytes, bytes }: typeof story extends fc.Arbitrary<infer It> ? It : never) {
  const world = new FakeModels(MODELS, { maxModels, maxBytes });
  world.models.forEach((model, index) => {
    model.isHeld = true;
    model.bytes = bytes[index];
  });
  const player = new Player(world);
  for (const action of actions) await player.take(action);
  return player;
}

describe('ResidentModels, whatever happens in whatever order,', () => {
  test('keeps its bounds, closes no model that is leased, opens none twice, and gives none that is out of date', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (given) => {
        const { world } = await play(given);
        expect(world.complaints).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('answers every request once all leases are given back, and is within its bounds then', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (given) => {
        const player = await play(given);
        await player.finish();
        expect(player.world.complaints).toEqual([]);
        expect(player.waiting.map(({ wanted }) => wanted)).toEqual([]);
        const there = Array.from(player.world.there, (name) => player.world.model(name).toldBytes ?? 0);
        const sum = there.reduce((sum, bytes) => sum + bytes, 0);
        expect(there.length === 1 ? 0 : sum).toBeLessThanOrEqual(given.maxBytes);
      }),
      { numRuns: 1000 },
    );
  });

  test('is gone when it is disposed, and leaves nobody waiting', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (given) => {
        const player = await play(given);
        const { world } = player;
        world.disposing = true;
        const disposed = world.resident[Symbol.asyncDispose]();
        for (const model of world.models) model.isHeld = false;
        for (const model of world.models) model.settle();
        await disposed;
        await world.quiet();
        expect(world.there).toBe('');
        expect(player.waiting).toEqual([]);
        expect(world.complaints).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
