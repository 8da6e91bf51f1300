import { loadConfig, pipelineNamed } from '../../config/load-config.ts';
import { placesBelow } from '../../config/places-below.ts';
import type { Pipeline } from '../../config/pipeline.ts';
import { pipelineFields } from '../../config/pipeline-fields.ts';
import { type PipelineModel, pipelineModels } from '../../config/pipeline-models.ts';
import { carryError } from '../../errors.ts';
import type { OutcomeChunk } from '../bundle.ts';
import { BundleMeter } from './bundle-meter.ts';
import { runBundleTask } from './bundle-task.ts';
import { ChangeSignal } from './change-signal.ts';
import { firstSizes } from '../learned-sizes.ts';
import { ModelLink, type Post } from './model-link.ts';
import type { Progress } from '../progress.ts';
import { receiveBundle } from '../sent-bundle.ts';
import { FUNCTION_TIMEOUT_SECS, type FunctionStage, workerStages } from '../stages.ts';
import type { ToWorker, WorkerSetup } from '../worker-protocol.ts';

/** Chunks of outcomes that a task may have sent and not yet seen written. */
const MAX_UNWRITTEN_CHUNKS = 2;

interface Task {
  readonly aborter: AbortController;
  readonly written: ChangeSignal;
  unwritten: number;
}

export interface WorkerOptions {
  readonly setup: WorkerSetup;
  readonly progress: Progress;
  readonly post: Post;
  /** True in a process for bundles that have ended a worker before. */
  readonly oneByOne: boolean;
}

/** Handles the messages from the engine in a worker, in a thread or a process. */
export class InferenceWorker {
  readonly #options: WorkerOptions;
  readonly #pipeline: Pipeline;
  readonly #models: readonly PipelineModel[];
  readonly #stages: readonly FunctionStage[];
  readonly #link: ModelLink;
  readonly #tasks = new Map<number, Task>();
  readonly #shownPlace: (at: string) => string;

  private constructor(options: WorkerOptions, pipeline: Pipeline) {
    this.#options = options;
    this.#pipeline = pipeline;
    this.#models = pipelineModels(pipeline);
    this.#stages = workerStages(pipeline);
    const sizes = this.#models.map(({ handler }) => firstSizes(handler));
    this.#link = new ModelLink(options.post, sizes);
    this.#shownPlace = placesBelow(new URL(options.setup.configUrl));
  }

  /** Imports the config. @throws ConfigError */
  static async start(options: WorkerOptions): Promise<InferenceWorker> {
    const fabric = await loadConfig(new URL(options.setup.configUrl));
    return new InferenceWorker(options, pipelineNamed(fabric, options.setup.pipeline));
  }

  handle(message: ToWorker): void {
    switch (message.kind) {
      case 'bundle':
        void this.#run(message);
        return;
      case 'written': {
        const task = this.#tasks.get(message.task);
        if (task === undefined) return;
        task.unwritten -= 1;
        task.written.notify();
        return;
      }
      case 'abort': {
        const task = this.#tasks.get(message.task);
        task?.aborter.abort();
        task?.written.notify();
        return;
      }
      case 'model':
      case 'modelFailed':
      case 'leased':
      case 'answer':
      case 'noAnswer':
        this.#link.handle(message);
    }
  }

  async #run({ task: id, bundle, known, skip }: Extract<ToWorker, { kind: 'bundle' }>): Promise<void> {
    const { post, progress, oneByOne } = this.#options;
    const task: Task = { aborter: new AbortController(), written: new ChangeSignal(), unwritten: 0 };
    this.#tasks.set(id, task);
    const failures = known.map(({ ordinal, stage, error }) => {
      const thrown = Object.assign(new Error(error.message), { name: error.name });
      return [ordinal, { code: stage, error: thrown }] as const;
    });
    try {
      const summary = await runBundleTask({
        pipeline: this.#pipeline,
        models: this.#models,
        stages: this.#stages,
        bundle: receiveBundle(bundle),
        link: this.#link,
        scope: {
          task: id,
          progress,
          timeoutSecs: FUNCTION_TIMEOUT_SECS,
          oneByOne,
          known: new Map(failures),
          pipelineFields: pipelineFields(this.#pipeline.input),
          meter: new BundleMeter(),
        },
        skip,
        signal: task.aborter.signal,
        shownPlace: this.#shownPlace,
        send: (chunk) => this.#send(id, task, chunk),
        onMissingField: (missing) => post({ kind: 'missingField', missing }),
        onReadDone: () => post({ kind: 'readDone', task: id }),
      });
      post({ kind: 'done', task: id, summary });
    } catch (error) {
      post({ kind: 'failed', task: id, error: carryError(error) });
    } finally {
      this.#tasks.delete(id);
    }
  }

  async #send(id: number, task: Task, chunk: OutcomeChunk): Promise<void> {
    const { signal } = task.aborter;
    while (task.unwritten >= MAX_UNWRITTEN_CHUNKS && !signal.aborted) await task.written.changed;
    signal.throwIfAborted();
    task.unwritten += 1;
    const buffers = [chunk.results.buffer, chunk.errors.buffer] as ArrayBuffer[];
    this.#options.post({ kind: 'outcomes', task: id, chunk }, buffers);
  }
}
