import { FabricError } from '../../../errors.ts';
import { applyFunction, type FunctionScope, type StageFunction } from '../element-functions.ts';
import { addUsage } from '../../../remote/token-usage.ts';
import { ModelLists, unionOfModels } from '../model-lists.ts';
import { UnderWay } from './under-way.ts';
import type { Pages, WorkItem } from '../work-item.ts';
import type { ModelLabel } from '../../worker-protocol.ts';

/** Pieces that go into the next step together; an element may have any number of them. */
const PAGE_PIECES = 256;

export interface FlatMapOptions {
  readonly step: StageFunction;
  readonly scope: FunctionScope;
  /** Takes pieces through the steps that follow. */
  readonly run: (pages: Pages) => Pages;
}

/**
 * Takes elements apart, the pieces through the steps that follow, and puts together what these give. The pieces of all
 * elements are one sequence, in order, so that batches are full whatever the number of each one's pieces.
 */
export async function* runFlatMap(
  upstream: Pages,
  { step, scope, run }: FlatMapOptions,
): AsyncGenerator<readonly WorkItem[]> {
  const underWay = new UnderWay<Whole>();
  const lists = new ModelLists();
  for await (const page of run(splitIntoPieces(upstream, { step, scope, underWay }))) {
    const done: WorkItem[] = [];
    for (const piece of page) {
      underWay.first.add(piece);
      if (underWay.first.isDone) done.push(underWay.leave().end(lists));
    }
    if (done.length > 0) yield done;
  }
}

interface TakeApartOptions extends Pick<FlatMapOptions, 'step' | 'scope'> {
  /** Receives the elements whose pieces are on their way. */
  readonly underWay: UnderWay<Whole>;
}

async function* splitIntoPieces(
  upstream: Pages,
  { step: { name, code, fn }, scope, underWay }: TakeApartOptions,
): AsyncGenerator<readonly WorkItem[]> {
  for await (const page of upstream) {
    const piecesOf = new Map<WorkItem, readonly unknown[]>();
    const take = (item: WorkItem, pieces: unknown): void => void piecesOf.set(item, checkedArray(pieces));
    const pending = applyFunction(page, { name, code, fn, apply: take }, scope);
    if (pending !== undefined) await pending;
    const wholes = page.map((item) => new Whole(item, piecesOf.get(item) ?? []));
    underWay.enter(wholes);
    yield* pagesOf(wholes);
  }
}

function* pagesOf(wholes: readonly Whole[]): Generator<readonly WorkItem[]> {
  let page: WorkItem[] = [];
  for (const whole of wholes) {
    for (const piece of whole.pieces()) {
      page.push(piece);
      if (page.length < PAGE_PIECES) continue;
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

/** An element whose pieces are on their way. */
class Whole {
  readonly #item: WorkItem;
  #values: readonly unknown[];
  readonly #size: number;
  /** Results of the pieces so far. */
  readonly #results: unknown[] = [];
  /** Pieces that are to come out yet. One without pieces has a bystander, which keeps its place. */
  #left: number;
  #models: readonly ModelLabel[] | undefined;

  constructor(item: WorkItem, values: readonly unknown[]) {
    this.#item = item;
    this.#values = values;
    this.#size = values.length;
    this.#left = Math.max(1, values.length);
    if (!item.isThrough) item.value = undefined;
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  *pieces(): Generator<WorkItem> {
    if (this.#size === 0) yield this.#item.bystander();
    for (const [index, value] of this.#values.entries()) yield this.#item.piece(value, index);
    this.#values = [];
  }

  /** Takes what came of its next piece. */
  add(piece: WorkItem): void {
    this.#left -= 1;
    const item = this.#item;
    // The last piece's stands where the element ends.
    if (this.#left === 0 && piece.isMidBatch) item.isMidBatch = true;
    if (this.#size === 0) return;
    item.tries += piece.tries;
    item.usage = addUsage(item.usage, piece.usage);
    item.failure ??= piece.failure;
    this.#results.push(piece.value);
    this.#models = unionOfModels(this.#models, piece.models);
  }

  /** The element, its value what came of its pieces. */
  end(lists: ModelLists): WorkItem {
    const item = this.#item;
    item.models = lists.join(item.models, this.#models);
    if (!item.isThrough) item.value = this.#results;
    return item;
  }
}

function checkedArray(pieces: unknown): readonly unknown[] {
  if (Array.isArray(pieces)) return pieces;
  throw new NotAnArrayError(pieces);
}

/** A function that takes a value apart gave something else than its pieces. */
class NotAnArrayError extends FabricError {
  override readonly name = 'NotAnArrayError';
  constructor(given: unknown) {
    const type = given === null ? 'null' : typeof given;
    super('NOT_AN_ARRAY', `the function must give an array of pieces: it gave ${type}`, { disposition: 'poison' });
  }
}
