import type { ModelHandler } from '../../models/model-handler.ts';
import type { BatchRunner } from './batch-runner.ts';
import { OrderedWindow } from './ordered-window.ts';
import type { RowBatch } from './row-batch.ts';
import { type EntryPages, RowItems } from './row-items.ts';
import { type InferenceStageOptions, openRunner } from './single-model-stage.ts';
import type { WorkItem } from './work-item.ts';

/** Elements that have their outcomes: items, or a batch of rows with its results. */
export type OutcomePage = readonly WorkItem[] | RowBatch;

/**
 * The `runInference` step of a pipeline that has no other step and no function, for elements whose numbers were packed while
 * they were read: those that nothing happens to have no object each, from reading to writing.
 */
export class RowStage {
  readonly #handler: ModelHandler;
  readonly #options: InferenceStageOptions;
  readonly #window = new OrderedWindow<RowBatch>();

  constructor(handler: ModelHandler, options: InferenceStageOptions) {
    this.#handler = handler;
    this.#options = options;
  }

  async *run(upstream: EntryPages): AsyncGenerator<OutcomePage> {
    yield* this.#window.pages(this.#pump(upstream));
  }

  async #pump(upstream: EntryPages): Promise<void> {
    const window = this.#window;
    let runner: BatchRunner | undefined;
    for await (const page of upstream) {
      runner ??= await openRunner(this.#handler, this.#options, { window, writesJson: true });
      for (const entry of page) {
        if (entry instanceof RowItems) await this.#addRows(runner, entry);
        else await this.#addItems(runner, [entry]);
      }
    }
    await runner?.flush();
    window.end();
  }

  async #addRows(runner: BatchRunner, rows: RowItems): Promise<void> {
    for (let next = 0; next < rows.count; await runner.room()) {
      const rest = rows.slice(next);
      const alone = runner.countAlone(rest);
      if (alone > 0) await this.#addItems(runner, rest.slice(0, alone).items());
      next += alone > 0 ? alone : runner.addRows(rest);
    }
  }

  async #addItems(runner: BatchRunner, items: readonly WorkItem[]): Promise<void> {
    const slots = items.map((item) => this.#window.enter(item));
    for (let next = 0; next < slots.length; await runner.room()) next = runner.addUntilSubmitted(slots, next);
  }
}
