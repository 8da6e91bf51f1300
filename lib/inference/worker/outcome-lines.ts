import { misfit, type OutputType } from '../../formats/parts/output-schema.ts';
import type { OutcomeChunk, Providers } from '../bundle.ts';
import { addUsage, type TokenUsage } from '../../remote/token-usage.ts';
import { toJson } from './json.ts';
import { LineBytes } from './line-bytes.ts';
import type { OwnWork } from './own-work.ts';
import { RowBatch } from './row-batch.ts';
import type { OutcomePage } from './row-stage.ts';
import { joinProviders } from '../tally.ts';
import { lineHead, type WorkItem } from './work-item.ts';
import type { ModelLabel } from '../worker-protocol.ts';

export interface OutcomeLinesOptions {
  readonly join: 'none' | 'input';
  /** Type of the predictions: an element with a prediction of another type fails. @default any */
  readonly schema?: OutputType | undefined;
  /** Stated in errors lines, beside the element's position and ordinal. */
  readonly address: Readonly<Record<string, unknown>>;
  /** Shortens the absolute path of an error's place in the user's code. */
  readonly shownPlace: (at: string) => string;
  /** Follows the elements, in a process that runs them one by one. @default none */
  readonly work?: OwnWork | undefined;
}

/** Characters of lines that go out together. */
const CHUNK_CHARACTERS = 256 * 1024;
/** A chunk that waits for the end of a batch waits no longer than this. */
const MAX_CHUNK_CHARACTERS = 2 * CHUNK_CHARACTERS;

const PREDICTION = Buffer.from(',"prediction":');

/** Those of an element that no step inferred on. */
const NO_MODELS: readonly ModelLabel[] = [];

/** Writes outcomes as lines: `{"id","key"?,"prediction","input"?,"model"}`, and for failures the errors line. */
export class OutcomeLines {
  readonly #joinInput: boolean;
  readonly #schema: OutputType | undefined;
  readonly #work: OwnWork | undefined;
  readonly #shownPlace: (at: string) => string;
  /** Without the closing brace. */
  readonly #address: string;
  /** The end of the lines of each list of models: most elements share theirs with others. */
  readonly #tails = new WeakMap<readonly ModelLabel[], string>();
  /** The list that was said last, and the end of its lines. */
  #last: readonly ModelLabel[] | undefined;
  #lastTail = '';
  /** Those of the lines that have not been taken yet. */
  #models: Record<string, string> = {};
  #providers: Providers | undefined;
  #usage: TokenUsage | undefined;
  readonly #encoder = new TextEncoder();
  /** Lines of results before `#results`: those of batches of rows, and what came before them. */
  readonly #rows = new LineBytes();
  #lastRowTail = '';
  #lastRowTailBytes = new Uint8Array();
  #results = '';
  #errors = '';
  #elements = 0;
  #isMidBatch = false;
  #succeeded = 0;
  #failed: Record<string, number> = {};

  constructor({ join, schema, address, shownPlace, work }: OutcomeLinesOptions) {
    this.#joinInput = join === 'input';
    this.#schema = schema;
    this.#work = work;
    this.#shownPlace = shownPlace;
    const text = JSON.stringify(address).slice(0, -1);
    this.#address = text === '{' ? text : `${text},`;
  }

  /** Checks whether to write a chunk now: it is large enough or `due`, and ends with a batch if possible. */
  isReady(due: boolean): boolean {
    const characters = this.#rows.length + this.#results.length + this.#errors.length;
    if (characters >= MAX_CHUNK_CHARACTERS) return true;
    return (due || characters >= CHUNK_CHARACTERS) && !this.#isMidBatch;
  }

  /** Adds the elements from `start` to `end`, until they are ready to go out; gives the index after the last. */
  addUntilReady(
    page: OutcomePage,
    { start, end, due }: { readonly start: number; readonly end: number; readonly due: boolean },
  ): number {
    let index = start;
    while (index < end) {
      if (page instanceof RowBatch) this.#addRow(page, index);
      else this.#add(page[index] as WorkItem);
      index += 1;
      if (this.isReady(due)) break;
    }
    return index;
  }

  /** Adds an element of a batch of rows, and lets go of their results behind the last. */
  #addRow(batch: RowBatch, index: number): void {
    const line = this.#rows;
    if (this.#results !== '') {
      line.write(this.#results);
      this.#results = '';
    }
    this.#elements += 1;
    this.#succeeded += 1;
    this.#isMidBatch = batch.isMidBatchAt(index);
    batch.writeHeadAt(index, line);
    line.copy(PREDICTION);
    batch.writePredictionAt(index, line);
    if (this.#joinInput) line.write(`,"input":${batch.inputJsonAt(index)}`);
    line.copy(this.#rowTail(batch));
    if (index === batch.length - 1) batch.free();
  }

  /** The end of the lines of a batch of rows. */
  #rowTail({ results }: RowBatch): Uint8Array {
    const tail = this.#tail(results?.models);
    if (tail !== this.#lastRowTail) {
      this.#lastRowTail = tail;
      this.#lastRowTailBytes = this.#encoder.encode(tail);
    }
    return this.#lastRowTailBytes;
  }

  #add(item: WorkItem): void {
    this.#elements += 1;
    this.#isMidBatch = item.isMidBatch;
    if (item.usage !== undefined) this.#usage = addUsage(item.usage, this.#usage);
    if (item.failure === undefined) this.#addResult(item);
    if (item.failure !== undefined) this.#addFailure(item);
  }

  /** Drains the outcomes since the last chunk; undefined if there are no outcomes. */
  drain(): OutcomeChunk | undefined {
    if (this.#elements === 0) return undefined;
    const chunk = {
      results: this.#drainResults(),
      errors: this.#encoder.encode(this.#errors),
      elements: this.#elements,
      succeeded: this.#succeeded,
      failed: this.#failed,
      models: this.#models,
      ...(this.#providers === undefined ? {} : { providers: this.#providers }),
      ...(this.#usage === undefined ? {} : { usage: this.#usage }),
      isMidBatch: this.#isMidBatch,
    };
    this.#results = '';
    this.#errors = '';
    this.#elements = 0;
    this.#succeeded = 0;
    this.#failed = {};
    this.#models = {};
    this.#providers = undefined;
    this.#usage = undefined;
    // The next chunk must name its models again.
    this.#last = undefined;
    return chunk;
  }

  #drainResults(): Uint8Array<ArrayBuffer> {
    if (this.#rows.length === 0) return this.#encoder.encode(this.#results);
    this.#rows.write(this.#results);
    return this.#rows.drain();
  }

  #addResult(item: WorkItem): void {
    try {
      const prediction = item.predictionJson ?? this.#predictionOf(item);
      if (this.#schema !== undefined) checkFits(prediction, this.#schema);
      const input = this.#joinInput ? `,"input":${item.inputJson}` : '';
      this.#results += `${lineHead(item.idJson, item.key)},"prediction":${prediction}${input}${this.#tail(item.models)}`;
      this.#succeeded += 1;
    } catch (error) {
      // A value that refers to itself, whose toJSON throws, or that is not of the declared type.
      item.fail('write', error);
    }
  }

  #predictionOf(item: WorkItem): string {
    const work = this.#work;
    return work === undefined ? toJson(item.value) : work.run(item.ordinal, () => toJson(item.value));
  }

  #addFailure(item: WorkItem): void {
    const { stage = 'write', error } = item.failure ?? {};
    const shown = error?.at === undefined ? error : { ...error, at: this.#shownPlace(error.at) };
    this.#failed[stage] = (this.#failed[stage] ?? 0) + 1;
    const attempts = Math.max(1, item.tries);
    const source = `${this.#address}"position":${item.position},"ordinal":${item.ordinal}}`;
    this.#errors +=
      `${lineHead(item.idJson, item.key)},"stage":${JSON.stringify(stage)},"error":${JSON.stringify(shown)},` +
      `"attempts":${attempts},"input":${item.inputJson},"source":${source}}\n`;
  }

  /** The end of a line: the model that made the prediction, a list where several did. */
  #tail(models: readonly ModelLabel[] = NO_MODELS): string {
    if (models !== this.#last) {
      this.#last = models;
      this.#lastTail = this.#tails.get(models) ?? this.#newTail(models);
      for (const { label, digest, providers } of models) {
        this.#models[label] = digest;
        if (providers !== undefined) this.#providers = joinProviders(this.#providers, { [label]: [providers] });
      }
    }
    return this.#lastTail;
  }

  #newTail(models: readonly ModelLabel[]): string {
    const labels = models.map(({ label }) => label);
    const tail = `,"model":${JSON.stringify(labels.length === 1 ? labels[0] : labels)}}\n`;
    this.#tails.set(models, tail);
    return tail;
  }
}

/** A prediction is not of the type that `output.schema` declares. */
class SchemaMismatchError extends Error {
  override readonly name = 'SchemaMismatch';
}

function checkFits(prediction: string, schema: OutputType): void {
  const problem = misfit(JSON.parse(prediction), schema, 'prediction');
  if (problem !== undefined) throw new SchemaMismatchError(problem);
}
