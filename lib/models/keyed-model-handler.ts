import type { ModelHandlerKind } from './handler-capabilities.ts';
import { MODEL_HANDLER_OPTIONS, type ModelHandlerOptions } from './model-handler-options.ts';
import { ModelHandler, unwrapHandler } from './model-handler.ts';
import { suggestion } from '../nearest-name.ts';

/** The keys that share one handler: a cohort. */
export class KeyModelMapping<Input = unknown, Output = unknown> {
  readonly keys: readonly string[];
  readonly handler: ModelHandler<Input, Output>;

  /** @throws TypeError if there is no key, a key is not a non-empty string, or the handler can't be one of several. */
  constructor(keys: readonly string[], handler: ModelHandler<Input, Output>) {
    if (!Array.isArray(keys) || keys.length === 0) {
      throw new TypeError("Cannot create KeyModelMapping as 'keys' must be a list of at least one key");
    }
    for (const key of keys) {
      if (typeof key === 'string' && key !== '') continue;
      throw new TypeError(
        `Cannot create KeyModelMapping as each of 'keys' must be a non-empty string: one is ${JSON.stringify(key)}`,
      );
    }
    if (!(handler instanceof ModelHandler)) {
      throw new TypeError("Cannot create KeyModelMapping as 'handler' must be a ModelHandler");
    }
    const inner = unwrapHandler(handler as ModelHandler).handler;
    if (isKeyed(inner)) {
      throw new TypeError("Cannot create KeyModelMapping as 'handler' must not be a KeyedModelHandler itself");
    }
    if (inner.modelCopies > 1) {
      throw new RangeError(
        `Cannot create KeyModelMapping as the handler's 'modelCopies' must be 1: current value is ${inner.modelCopies}`,
      );
    }
    this.keys = [...keys];
    this.handler = handler;
  }
}

/** Options of a `KeyedModelHandler`. */
export interface KeyedModelHandlerOptions {
  /** Maximum number of models in memory at once, in the whole engine, for any number of workers. @default all of them */
  readonly maxModelsPerWorkerHint?: number;
  /**
   * Maximum bytes of private memory of all the models' processes together. A model that is larger by itself is in memory
   * alone.
   * @default no limit
   */
  readonly maxModelBytes?: number;
  /** Key whose model runs the elements without a key, and those whose key no mapping names. @default these elements fail */
  readonly defaultKey?: string;
}

/**
 * Runs each element through the model that its key is mapped to (Apache Beam's KeyedModelHandler).
 *
 * Batches are of one cohort and one shape, by the batching options of the cohort's handler; results keep the order of
 * the elements. Functions may be added around it, and around each of its handlers: those around it run outermost.
 *
 * @example
 * ```ts
 * const byAssay = new KeyedModelHandler(
 *   [new KeyModelMapping(['wine'], wine), new KeyModelMapping(['biopsy', 'cytology'], tumour)],
 *   { maxModelsPerWorkerHint: 1 },
 * );
 * ```
 */
export class KeyedModelHandler<Input = unknown, Output = unknown> extends ModelHandler<Input, Output> {
  readonly mappings: readonly KeyModelMapping<Input, Output>[];
  declare readonly options: ModelHandlerOptions<Input> & KeyedModelHandlerOptions;
  readonly #cohorts = new Map<string, number>();

  /** @throws TypeError, RangeError for no mapping, a key that is mapped twice, an unmapped default, or an invalid bound. */
  constructor(mappings: readonly KeyModelMapping<Input, Output>[], options: KeyedModelHandlerOptions = {}) {
    super({});
    if (!Array.isArray(mappings) || mappings.length === 0) {
      throw new TypeError(
        "Cannot create KeyedModelHandler as 'mappings' must be a list of at least one KeyModelMapping",
      );
    }
    mappings.forEach((mapping, cohort) => this.#addCohort(mapping, cohort));
    checkOptions(options, this.#cohorts);
    this.mappings = [...mappings];
    this.options = options;
  }

  override get kind(): ModelHandlerKind {
    return 'keyed';
  }

  /** Returns the index in `mappings` of the model for an element's key; undefined if there is no model for the element. */
  cohortOf(key: string | undefined): number | undefined {
    const own = key === undefined ? undefined : this.#cohorts.get(key);
    const { defaultKey } = this.options;
    return own ?? (defaultKey === undefined ? undefined : this.#cohorts.get(defaultKey));
  }

  /** True if all models can be in memory at once, so that none has to leave memory for another. */
  get keepsAllModels(): boolean {
    const { maxModelsPerWorkerHint = Infinity, maxModelBytes = Infinity } = this.options;
    return maxModelBytes === Infinity && maxModelsPerWorkerHint >= this.mappings.length;
  }

  override loadModel(): never {
    throw new TypeError('a KeyedModelHandler has no model itself; each of its handlers has one');
  }

  override runInference(): never {
    throw new TypeError('a KeyedModelHandler runs in an engine only');
  }

  override resolvePaths(base: URL): void {
    for (const { handler } of this.mappings) handler.resolvePaths(base);
  }

  #addCohort(mapping: unknown, cohort: number): void {
    if (!(mapping instanceof KeyModelMapping)) {
      throw new TypeError("Cannot create KeyedModelHandler as each of 'mappings' must be a KeyModelMapping");
    }
    for (const key of mapping.keys) {
      if (this.#cohorts.has(key)) {
        throw new RangeError(`Cannot create KeyedModelHandler as the key '${key}' is mapped twice`);
      }
      this.#cohorts.set(key, cohort);
    }
  }
}

/** Checks whether a handler, without the functions around it, is a KeyedModelHandler. */
export function isKeyed(handler: ModelHandler): handler is KeyedModelHandler {
  return handler.kind === 'keyed';
}

const KEYED_OPTIONS = {
  maxModelsPerWorkerHint: true,
  maxModelBytes: true,
  defaultKey: true,
} as const satisfies Record<keyof KeyedModelHandlerOptions, true>;

function checkOptions(options: KeyedModelHandlerOptions, cohorts: ReadonlyMap<string, number>): void {
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(KEYED_OPTIONS, option)) continue;
    const advice = Object.hasOwn(MODEL_HANDLER_OPTIONS, option)
      ? ': batching and other options belong to the handlers of its mappings'
      : suggestion(option, Object.keys(KEYED_OPTIONS));
    throw new TypeError(`Cannot create KeyedModelHandler as it has no option '${option}'${advice}`);
  }
  const { maxModelsPerWorkerHint, maxModelBytes, defaultKey } = options;
  for (const [name, value] of Object.entries({ maxModelsPerWorkerHint, maxModelBytes })) {
    if (value === undefined || (Number.isInteger(value) && value >= 1)) continue;
    throw new RangeError(
      `Cannot create KeyedModelHandler as '${name}' must be a positive integer: current value is ${value}`,
    );
  }
  if (defaultKey !== undefined && !cohorts.has(defaultKey)) {
    throw new RangeError(`Cannot create KeyedModelHandler as no mapping has the 'defaultKey' '${defaultKey}'`);
  }
}
