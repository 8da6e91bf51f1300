import type { OutcomeChunk } from './bundle.ts';
import { toJson } from './json.ts';
import type { WorkItem } from './work-item.ts';

export interface OutcomeLinesOptions {
  readonly join: 'none' | 'input';
  /** Stated in errors lines, beside the element's position and ordinal. */
  readonly address: Readonly<Record<string, unknown>>;
}

/** Characters of lines that go out together. */
const CHUNK_CHARACTERS = 256 * 1024;

/** Writes outcomes as lines: `{"id","key"?,"prediction","input"?,"model"}`, and for failures the errors line. */
export class OutcomeLines {
  readonly #joinInput: boolean;
  /** Without the closing brace. */
  readonly #address: string;
  /** The list that was said last, and the end of its lines: most elements share theirs. */
  #models: readonly string[] | undefined;
  #modelsTail = '';
  readonly #encoder = new TextEncoder();
  #results = '';
  #errors = '';
  #elements = 0;
  #succeeded = 0;
  #failed: Record<string, number> = {};

  constructor({ join, address }: OutcomeLinesOptions) {
    this.#joinInput = join === 'input';
    const text = JSON.stringify(address).slice(0, -1);
    this.#address = text === '{' ? text : `${text},`;
  }

  /** Whether there is enough for a chunk. */
  get isFull(): boolean {
    return this.#results.length + this.#errors.length >= CHUNK_CHARACTERS;
  }

  /** Adds the items from `start` to `end`, until there is enough for a chunk; gives the index after the last. */
  addUntilFull(items: readonly WorkItem[], start: number, end: number): number {
    let index = start;
    while (index < end && !this.isFull) {
      const item = items[index];
      if (item !== undefined) this.#add(item);
      index += 1;
    }
    return index;
  }

  #add(item: WorkItem): void {
    this.#elements += 1;
    if (item.failure === undefined) this.#addResult(item);
    if (item.failure !== undefined) this.#addFailure(item);
  }

  /** What has been added since the last chunk; undefined where that is nothing. */
  take(): OutcomeChunk | undefined {
    if (this.#elements === 0) return undefined;
    const chunk = {
      results: this.#encoder.encode(this.#results),
      errors: this.#encoder.encode(this.#errors),
      elements: this.#elements,
      succeeded: this.#succeeded,
      failed: this.#failed,
    };
    this.#results = '';
    this.#errors = '';
    this.#elements = 0;
    this.#succeeded = 0;
    this.#failed = {};
    return chunk;
  }

  #addResult(item: WorkItem): void {
    try {
      const prediction = toJson(item.value);
      const input = this.#joinInput ? `,"input":${item.inputJson}` : '';
      this.#results += `${head(item)},"prediction":${prediction}${input}${this.#tail(item.models)}`;
      this.#succeeded += 1;
    } catch (error) {
      // A value that refers to itself, or whose toJSON throws.
      item.fail('write', error);
    }
  }

  #addFailure(item: WorkItem): void {
    const { stage = 'write', error } = item.failure ?? {};
    this.#failed[stage] = (this.#failed[stage] ?? 0) + 1;
    const attempts = Math.max(1, item.tries);
    const source = `${this.#address}"position":${item.position},"ordinal":${item.ordinal}}`;
    this.#errors +=
      `${head(item)},"stage":${JSON.stringify(stage)},"error":${JSON.stringify(error)},` +
      `"attempts":${attempts},"input":${item.inputJson},"source":${source}}\n`;
  }

  /** The end of a line: the model that made the prediction, a list where several did. */
  #tail(models: readonly string[] | undefined): string {
    if (models !== this.#models || this.#modelsTail === '') {
      this.#models = models;
      this.#modelsTail = `,"model":${JSON.stringify(models?.length === 1 ? models[0] : (models ?? []))}}\n`;
    }
    return this.#modelsTail;
  }
}

function head({ idJson, key }: WorkItem): string {
  return key === undefined ? `{"id":${idJson}` : `{"id":${idJson},"key":${JSON.stringify(key)}`;
}
