import type { Pipeline } from '../../config/pipeline.ts';
import { elementInput, neededFields } from '../../config/pipeline-fields.ts';
import { FabricError } from '../../errors.ts';
import type { Bundle, BundleSummary, OutcomeChunk } from '../bundle.ts';
import type { NumberRequest } from '../../formats/numbers/number-request.ts';
import { unwrapHandler } from '../../models/model-handler.ts';
import { packedInputs } from '../../models/packed-inputs.ts';
import type { MissingField } from '../missing-field.ts';
import type { BundleMeter } from './bundle-meter.ts';
import { OutcomeLines, type OutcomeLinesOptions } from './outcome-lines.ts';
import { OwnWork } from './own-work.ts';
import type { FunctionScope } from './element-functions.ts';
import { readBundleEntries } from './read-bundle.ts';
import type { OutcomePage } from './row-stage.ts';
import { type BundleEntry, type EntryPages, itemsOf, RowItems } from './row-items.ts';
import { runRowStage, runSteps, type StepContext } from './steps/run-steps.ts';
import { outerStages, pipelineSteps } from '../stages.ts';
import { count, emptyTally } from '../tally.ts';
import type { WorkItem } from './work-item.ts';

/** Outcomes wait no longer than this for more, where these come slowly: what has been sent is not lost at a deadline. */
const SEND_MILLIS = 1000;

export interface BundleTaskOptions extends StepContext {
  readonly pipeline: Pipeline;
  readonly bundle: Bundle;
  /** Outcomes that were sent before the worker that sent them was lost: they are made again, and not sent again. */
  readonly skip: number;
  readonly signal: AbortSignal;
  readonly shownPlace: OutcomeLinesOptions['shownPlace'];
  /** Takes a chunk; resolves when there is room for more. */
  readonly send: (chunk: OutcomeChunk) => Promise<void>;
  readonly onMissingField: (missing: MissingField) => void;
  /** Called when the last element has been read. */
  readonly onReadDone: () => void;
}

/** Takes one bundle through its pipeline, in a worker: read, run the steps, write. */
export async function runBundleTask(options: BundleTaskOptions): Promise<BundleSummary> {
  const startedAt = performance.now();
  const { pipeline, bundle, signal, onMissingField, scope } = options;
  const stages = outerStages(options.stages);
  const work = OwnWork.of(scope, stages.read);
  const numbers = work === undefined ? await numbersOf(options) : undefined;
  const inputFields = neededFields(pipeline);
  const reading = { signal, work, numbers, hasOutcomes: options.skip > 0, inputFields, onMissingField };
  let entries: EntryPages = withReadDone(
    readBundleEntries(bundle, { input: elementInput(pipeline), ...reading }),
    options.onReadDone,
  );
  if (numbers !== undefined) entries = countPacked(entries, scope.meter);
  const steps = pipelineSteps(pipeline);
  const pages: AsyncIterable<OutcomePage> =
    numbers !== undefined && takesRows(pipeline)
      ? runRowStage(entries, steps, options)
      : runSteps(itemPages(entries, scope), steps, options);

  const lines = new OutcomeLines({
    join: pipeline.output.join,
    schema: pipeline.output.schema,
    address: bundle.address,
    shownPlace: options.shownPlace,
    work: OwnWork.of(scope, stages.write),
  });
  const tally = emptyTally();
  let sentAt = startedAt;
  const send = async (): Promise<void> => {
    const chunk = lines.drain();
    if (chunk === undefined) return;
    const measured = { ...chunk, measures: scope.meter.drain() };
    count(tally, measured);
    await options.send(measured);
    sentAt = performance.now();
  };
  let toSkip = options.skip;
  for await (const page of pages) {
    signal.throwIfAborted();
    for (let next = 0; next < page.length;) {
      const due = performance.now() - sentAt >= SEND_MILLIS;
      next = lines.addUntilReady(page, { start: next, end: toSkip > 0 ? next + 1 : page.length, due });
      if (toSkip > 0) {
        toSkip -= 1;
        const chunk = lines.drain();
        if (chunk !== undefined) count(tally, chunk);
      } else if (lines.isReady(due)) await send();
    }
    if (performance.now() - sentAt >= SEND_MILLIS && lines.isReady(true)) await send();
  }
  await send();
  if (toSkip > 0) {
    const message = `Cannot finish the bundle: it has ${toSkip} elements less than when it was started`;
    throw new FabricError('SOURCE_CHANGED', message, { disposition: 'retry' });
  }
  return { ...tally, elapsedMillis: performance.now() - startedAt };
}

/**
 * Returns the numbers to pack while elements are read; undefined if something before the first model, or the model
 * itself, needs values. It waits for the model, whose inputs decide it.
 */
async function numbersOf({ pipeline, models, link, scope }: BundleTaskOptions): Promise<NumberRequest | undefined> {
  const [first] = pipeline.steps;
  const [model] = models;
  if (first?.kind !== 'runInference' || model?.handler.tensorRunner?.packsNumbers !== true) return undefined;
  const { handler, preprocessFns } = unwrapHandler(first.handler);
  const hasArgs = first.inferenceArgs !== undefined || pipeline.input.inferenceArgs !== undefined;
  if (handler !== model.handler || preprocessFns.length > 0 || hasArgs) return undefined;
  try {
    const { inputs } = await scope.meter.loaded(link.model(0));
    return inputs && packedInputs(handler, inputs)?.request;
  } catch {
    // The first element reports it.
    return undefined;
  }
}

/** Checks whether the results of the model are the predictions: no step and no function comes after it. */
function takesRows({ steps, output }: Pipeline): boolean {
  const [first] = steps;
  // Each prediction is compared with the schema.
  if (output.schema !== undefined) return false;
  return (
    steps.length === 1 && first?.kind === 'runInference' && unwrapHandler(first.handler).postprocessFns.length === 0
  );
}

async function* withReadDone(pages: EntryPages, onReadDone: () => void): AsyncGenerator<readonly BundleEntry[]> {
  yield* pages;
  onReadDone();
}

async function* countPacked(pages: EntryPages, meter: BundleMeter): AsyncGenerator<readonly BundleEntry[]> {
  for await (const page of pages) {
    let packed = 0;
    for (const entry of page) {
      if (entry instanceof RowItems) packed += entry.count;
      else if (entry.packed !== undefined) packed += 1;
    }
    meter.addPacked(packed);
    yield page;
  }
}

/** The items of a bundle: a page of each, if elements go one by one. */
async function* itemPages(pages: EntryPages, { oneByOne }: FunctionScope): AsyncGenerator<readonly WorkItem[]> {
  for await (const page of pages) {
    const items = itemsOf(page);
    if (oneByOne) for (const item of items) yield [item];
    else yield items;
  }
}
