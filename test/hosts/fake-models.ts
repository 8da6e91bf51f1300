import { setImmediate } from 'node:timers/promises';
import type { LeaseOptions } from '../../lib/hosts/lease-queue.ts';
import type { ModelInfo } from '../../lib/hosts/protocol.ts';
import type { Loadable, LoadedModel, ResidentLease } from '../../lib/hosts/resident-models.ts';
import { ResidentModels, type ResidentModelsOptions } from '../../lib/hosts/resident-models.ts';

type State = 'closed' | 'opening' | 'failed' | 'open' | 'closing';

/** A model whose loads and closes end when the test says so, or at once; it complains of what must not happen. */
export class FakeModel implements Loadable {
  readonly name: string;
  readonly world: FakeModels;
  state: State = 'closed';
  bytes: number | undefined = 0;
  loads = 0;
  /** Its size as it was last told. */
  toldBytes: number | undefined;
  /** It is out of date until it is opened again. */
  isStale = false;
  /** Set while the test holds a lease. */
  leases = 0;
  /** Loads and closes wait for {@link settle}. */
  isHeld = false;
  /** What the next loads fail with. */
  failure: Error | undefined;
  #pending: PromiseWithResolvers<void> | undefined;

  constructor(name: string, world: FakeModels) {
    this.name = name;
    this.world = world;
  }

  async open(): Promise<ModelInfo> {
    if (this.state !== 'closed') this.world.complain(`${this.name} is opened while it is ${this.state}`);
    this.world.opening(this);
    this.state = 'opening';
    this.isStale = false;
    this.loads += 1;
    await this.#wait();
    const isOpening = this.state === 'opening';
    if (!isOpening || this.failure !== undefined) {
      if (isOpening) this.state = 'failed';
      throw this.failure ?? new Error('closed while it was being loaded');
    }
    this.state = 'open';
    return { label: this.name, loadMillis: 1, modelBytes: 0 };
  }

  async close(): Promise<void> {
    const isThere = this.state === 'open' || this.state === 'failed';
    const isEnded = this.state === 'opening' && this.world.disposing;
    if (!isThere && !isEnded) this.world.complain(`${this.name} is closed while it is ${this.state}`);
    if (this.leases > 0 && !this.world.disposing) this.world.complain(`${this.name} is closed while it is leased`);
    const opening = this.#pending;
    this.state = 'closing';
    opening?.resolve();
    this.world.log.push(`close ${this.name}`);
    await this.#wait();
    this.state = 'closed';
    this.world.log.push(`closed ${this.name}`);
  }

  privateBytes(): Promise<number | undefined> {
    if (this.state === 'open') this.toldBytes = this.bytes;
    return Promise.resolve(this.bytes);
  }

  get isPending(): boolean {
    return this.#pending !== undefined;
  }

  /** Ends the load or the close that is under way. */
  settle(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve();
  }

  async #wait(): Promise<void> {
    if (!this.isHeld) return;
    this.#pending = Promise.withResolvers();
    await this.#pending.promise;
  }
}

/** Fake models, named by letters, the ResidentModels over them, and what happens to them. */
export class FakeModels {
  readonly models: readonly FakeModel[];
  readonly resident: ResidentModels;
  readonly log: string[] = [];
  readonly complaints: string[] = [];
  readonly loaded: LoadedModel[] = [];
  now = 0;
  disposing = false;
  readonly #bounds: { readonly maxModels?: number; readonly maxBytes?: number };

  constructor(count: number, bounds: { readonly maxModels?: number; readonly maxBytes?: number } = {}) {
    this.#bounds = bounds;
    this.models = Array.from({ length: count }, (_, index) => new FakeModel(String.fromCharCode(97 + index), this));
    const options: ResidentModelsOptions = {
      models: this.models,
      ...bounds,
      now: () => this.now,
      onLoad: (loaded) => this.loaded.push(loaded),
      onEvict: ({ model, bound }) => this.log.push(`evict ${this.models[model]?.name} for ${bound}`),
    };
    this.resident = new ResidentModels(options);
  }

  model(name: string): FakeModel {
    const found = this.models.find((model) => model.name === name);
    if (found === undefined) throw new RangeError(`no model ${name}`);
    return found;
  }

  /** Asks for any one of the models named by letters. */
  async acquire(names: string, options?: LeaseOptions): Promise<string> {
    const wanted = Array.from(names, (name) => this.models.indexOf(this.model(name)));
    const lease = await this.resident.acquire(wanted, options);
    return this.taken(lease);
  }

  taken(lease: ResidentLease): string {
    const model = this.models[lease.model];
    if (model === undefined) throw new RangeError(`no model ${lease.model}`);
    if (!lease.ok) return `${model.name} failed: ${lease.error.message}`;
    if (model.state !== 'open') this.complain(`${model.name} is given while it is ${model.state}`);
    if (model.isStale) this.complain(`${model.name} is given while it is out of date`);
    if (lease.info.label !== model.name) this.complain(`${model.name} is given as ${lease.info.label}`);
    model.leases += 1;
    return model.name;
  }

  /** Says that a model is out of date. */
  renew(name: string): void {
    const model = this.model(name);
    model.isStale = model.state === 'open' || model.state === 'opening';
    this.resident.renew(this.models.indexOf(model));
  }

  release(name: string): void {
    this.model(name).leases -= 1;
    this.resident.release(this.models.indexOf(this.model(name)));
  }

  /** Names of the models whose processes are there. */
  get there(): string {
    return this.models.flatMap(({ state, name }) => (state === 'closed' ? [] : [name])).join('');
  }

  /** The log since the last look. */
  logged(): string[] {
    return this.log.splice(0);
  }

  opening(model: FakeModel): void {
    this.log.push(`open ${model.name}`);
    const others = this.models.filter((other) => other !== model && other.state !== 'closed');
    const { maxModels = Infinity, maxBytes = Infinity } = this.#bounds;
    if (others.length >= maxModels) this.complain(`${model.name} is opened beside ${this.there}`);
    // Before it was loaded once, nobody knows how large a model is.
    const bytes = [model, ...others].reduce((sum, { toldBytes = 0 }) => sum + toldBytes, 0);
    if (model.toldBytes !== undefined && others.length > 0 && bytes > maxBytes) {
      this.complain(`${model.name} is opened beside ${this.there}: ${bytes} bytes`);
    }
  }

  complain(complaint: string): void {
    this.complaints.push(complaint);
  }

  /** Whatever can happen has happened when this resolves, but for what is held. */
  async quiet(): Promise<void> {
    await setImmediate();
  }
}

/** Whether a promise has settled yet. */
export async function isSettled(world: FakeModels, promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => void (settled = true);
  promise.then(settle, settle);
  await world.quiet();
  return settled;
}

/** Has a model loaded and gives it back at once. */
export async function use(world: FakeModels, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await world.acquire(name);
    world.release(name);
    await world.quiet();
  }
}

/** Models a, b, … of these sizes. */
export function worldOf(sizes: readonly (number | undefined)[], maxBytes: number): FakeModels {
  const world = new FakeModels(sizes.length, { maxBytes });
  world.models.forEach((model, index) => (model.bytes = sizes[index]));
  return world;
}
