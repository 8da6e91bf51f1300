import type { MemoryBound, ResidentModel } from './resident-model.ts';

export interface MemoryBounds {
  readonly maxModels: number;
  readonly maxBytes: number;
}

/** Models of this machine, and what limits them. */
export interface ModelRoom {
  readonly models: readonly ResidentModel[];
  readonly bounds: MemoryBounds;
}

export interface Eviction {
  readonly model: ResidentModel;
  readonly bound: MemoryBound;
}

/**
 * Returns the models that must leave memory before a model can be loaded: none if enough of them are leaving already;
 * undefined if leases prevent it.
 *
 * @param evictable models that can leave, in order of preference
 */
export function evictionsFor(
  model: ResidentModel,
  evictable: readonly ResidentModel[],
  room: ModelRoom,
): readonly Eviction[] | undefined {
  const staying = new Set(room.models.filter(({ state }) => state === 'opening' || state === 'open'));
  const evictions: Eviction[] = [];
  for (const next of [...evictable, undefined]) {
    const bound = boundInTheWay(model, staying, room);
    if (bound === undefined) return evictions;
    if (next === undefined) return undefined;
    staying.delete(next);
    evictions.push({ model: next, bound });
  }
  return undefined;
}

/** Checks whether a model can be loaded now. Models that are leaving still count. */
export function hasRoomFor(model: ResidentModel, room: ModelRoom): boolean {
  const there = room.models.filter(({ state }) => state !== 'closed');
  return boundInTheWay(model, new Set(there), room) === undefined;
}

/** Returns the models that must leave memory because models have grown; never the last one. */
export function evictionsOfExcess(
  evictable: readonly ResidentModel[],
  { models, bounds }: ModelRoom,
): readonly Eviction[] {
  const unknown = largestKnown(models) ?? 0;
  const open = models.filter(({ state }) => state === 'open');
  let count = open.length;
  const bytesOf = ({ bytes, knownBytes = unknown }: ResidentModel): number => bytes ?? knownBytes;
  let sum = open.reduce((sum, model) => sum + bytesOf(model), 0);
  const evictions: Eviction[] = [];
  for (const model of evictable) {
    if (sum <= bounds.maxBytes || count <= 1) break;
    sum -= bytesOf(model);
    count -= 1;
    evictions.push({ model, bound: 'bytes' });
  }
  return evictions;
}

function boundInTheWay(
  model: ResidentModel,
  others: ReadonlySet<ResidentModel>,
  { models, bounds: { maxModels, maxBytes } }: ModelRoom,
): MemoryBound | undefined {
  if (others.size >= maxModels) return 'models';
  if (maxBytes === Infinity || others.size === 0) return undefined;
  const unknown = largestKnown(models);
  // While no size is known any number of models seems to fit, so the first of them shows what to expect.
  if (unknown === undefined) return [...others].some(({ state }) => state === 'opening') ? 'bytes' : undefined;
  let sum = model.knownBytes ?? unknown;
  for (const { knownBytes = unknown } of others) sum += knownBytes;
  return sum > maxBytes ? 'bytes' : undefined;
}

/** Returns the bytes that a model of unknown size counts as. */
function largestKnown(models: readonly ResidentModel[]): number | undefined {
  const known = models.flatMap(({ knownBytes }) => knownBytes ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}
