import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { random as seeded } from '../../bench/random.ts';
import type { Fabric } from '../../lib/config/fabric.ts';
import { loadConfig } from '../../lib/config/load-config.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { memoryObjectStore } from '../../test/jobs/memory-ports.ts';
import { hold } from '../violation.ts';
import type { Faults } from './fault-injector.ts';

/** Surroundings of a simulated fabric: stores, a clock, chance, and a folder on disk. */
export interface World {
  readonly fabric: Fabric;
  /** Decides everything that chance decides. */
  readonly random: () => number;
  readonly clock: Clock;
  /** How the fabric reaches its objects: the network between may fail. */
  readonly store: ObjectStore;
  /** The same objects, without faults. */
  readonly calm: ObjectStore;
  readonly input: string;
  readonly output: string;
  /** Folder in which engines store the data that they read. */
  readonly folder: string;
  /** Names for messages and versions, the same for the same seed. */
  readonly newId: () => string;
  /** Sets the faults that decide when the network fails. */
  readonly failNetwork: (faults: Faults) => void;
}

/** A clock that its owner puts forward, in milliseconds since 1970. */
export class Clock {
  #millis = Date.UTC(2026, 0, 1);
  readonly now = (): number => this.#millis;

  advanceTo(millis: number): void {
    this.#millis = Math.max(this.#millis, millis);
  }
}

/** The part of a world that is in memory, or beyond a network. */
export type Stores = Pick<World, 'store' | 'calm' | 'input' | 'output' | 'failNetwork'>;

/** Opens the stores of a world, which are disposed of with it. */
export type OpenStores = (random: () => number) => Promise<Stores & AsyncDisposable>;

const CONFIG = new URL('./simulation.config.ts', import.meta.url);
/** Chunks of a few bytes, so that records span several. */
const CHUNK_BYTES = 40;
const ID_BASE = 16;
const ID_DIGITS = 12;
const ID_RANGE = ID_BASE ** ID_DIGITS;

/**
 * Runs work in a new world of a seed, and checks afterwards that it left no file behind.
 *
 * @param openStores - opens the stores. Default: in memory, versioned for every other seed.
 */
export async function inNewWorld(
  seed: number,
  work: (world: World) => Promise<void>,
  openStores?: OpenStores,
): Promise<void> {
  const random = seeded(seed);
  const clock = new Clock();
  const newId = (): string =>
    Math.floor(random() * ID_RANGE)
      .toString(ID_BASE)
      .padStart(ID_DIGITS, '0');
  const opened = await openStores?.(random);
  const stores = opened ?? memoryStores({ versioned: seed % 2 === 0, clock, newId });
  const folder = await mkdtemp(join(tmpdir(), 'fabric-simulation-'));
  try {
    await work({ ...stores, fabric: await loadConfig(CONFIG), random, clock, folder, newId });
    const left = [...(await readdir(folder)), ...(await spools())];
    hold(left.length === 0, 'process or file left', `files were left: ${left.join(', ')}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await opened?.[Symbol.asyncDispose]();
  }
}

function memoryStores({
  versioned,
  clock,
  newId,
}: Pick<World, 'clock' | 'newId'> & { readonly versioned: boolean }): Stores {
  const store = memoryObjectStore({ versioned, now: clock.now, newId, chunkBytes: CHUNK_BYTES });
  return { store, calm: store, input: 'input', output: 'output', failNetwork: () => {} };
}

/** Spools of this process, which are deleted when no bundle is in progress. */
async function spools(): Promise<readonly string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith(`fabric-outcomes-${process.pid}-`));
}
