import type { Bundle, BundleSummary, OutcomeChunk } from '../../inference/bundle.ts';
import type { InferenceEngine, ProcessOptions } from '../../inference/engine/engine.ts';
import { ordinalOf, parseErrorsLine } from '../commit/errors-line.ts';
import { linesOf } from '../../formats/parts/read-lines.ts';
import type { OutcomeSpool } from '../commit/outcome-spool.ts';
import type { PartPlace } from '../output-layout.ts';
import type { CommittedPart } from '../commit/part-metadata.ts';
import type { OutputBucket, Deadline } from '../fabric-ports.ts';
import type { BrokenOffAt } from '../attempt/run-outcomes.ts';
import { isThrottle, type StagedAnswers } from '../attempt/staged-answers.ts';
import { ifSourceGone } from '../source-gone.ts';
import { errorsOf, type SelectedFailures } from './select-failures.ts';

export interface RunFailuresOptions {
  readonly deadline: Deadline;
  readonly engine: Pick<InferenceEngine, 'pipeline' | 'process'>;
  readonly place: PartPlace;
  /** The part whose failures they are. */
  readonly part: CommittedPart;
  /** The whole bundle, as it is read from its source. */
  readonly bundle: Bundle;
  readonly output: OutputBucket;
  /** Answers that this redrive has so far. */
  readonly answers: StagedAnswers;
}

/** Outcome of a run of failures. */
export interface FailuresRun extends Pick<BundleSummary, 'models' | 'elapsedMillis'> {
  /** The places of the elements whose outcomes are there, ascending. */
  readonly ordinals: readonly number[];
  /** Cause of its end before all of them had run. */
  readonly brokenOff?: { readonly cause: unknown; readonly at: Omit<BrokenOffAt, 'progressed'> };
}

/**
 * Runs failed elements again, from their source. Where that is gone they are taken from their errors lines, but for those
 * whose lines do not have the element: they stay as they are.
 */
export async function runFailuresAgain(
  { ordinals, isRange }: SelectedFailures,
  spool: OutcomeSpool,
  options: RunFailuresOptions,
): Promise<FailuresRun> {
  const { engine, bundle, deadline, answers } = options;
  const processOptions = answers.processOptions(deadline);
  const startedAt = performance.now();
  const ended = (places: readonly number[]): FailuresRun => ({
    ordinals: places,
    models: spool.tally.models,
    elapsedMillis: performance.now() - startedAt,
  });
  let wanted = ordinals;
  const runGivenOnes = async (): Promise<void> => {
    await spool.settled();
    const done = ordinals.slice(0, spool.tally.total);
    const left = await givenElements(new Set(ordinals.slice(done.length)), options);
    wanted = [...done, ...left.keys()];
    if (left.size > 0) await runGiven(left, spool, { ...options, processOptions });
  };
  try {
    if (isRange) await engine.process(bundle, spool, processOptions);
    else await ifSourceGone(() => engine.process({ ...bundle, only: ordinals }, spool, processOptions), runGivenOnes);
    return ended(wanted);
  } catch (error) {
    if (!deadline.signal.aborted && !isThrottle(error)) throw error;
    await spool.settled();
    const brokenOff = { cause: error, at: answers.at };
    return { ...ended(isRange ? [] : wanted.slice(0, spool.tally.total)), brokenOff };
  }
}

/** An element as its errors line has it, and the text of the line's source. */
interface Given {
  readonly element: { readonly id: string; readonly key?: string; readonly input: unknown };
  readonly source: string;
}

async function givenElements(
  wanted: ReadonlySet<number>,
  { place, part, output, deadline: { signal } }: RunFailuresOptions,
): Promise<ReadonlyMap<number, Given>> {
  const given = new Map<number, Given>();
  for await (const text of await errorsOf(place, part, { ...output, signal })) {
    const line = parseErrorsLine(text);
    const ordinal = ordinalOf(line);
    const { id, key, stage, input } = line;
    // A failure at stage `read` has no element: its input is raw text or a substitute.
    if (!wanted.has(ordinal) || stage === 'read' || input === undefined) continue;
    const element = { id, ...(key === undefined ? {} : { key }), input };
    given.set(ordinal, { element, source: sourceIn(text) });
  }
  return given;
}

async function runGiven(
  given: ReadonlyMap<number, Given>,
  spool: OutcomeSpool,
  { engine, bundle, processOptions }: RunFailuresOptions & { readonly processOptions: ProcessOptions },
): Promise<void> {
  const elements = [...given.values()].map(({ element }) => element);
  const source = { kind: 'elements', elements, ordinals: [...given.keys()] } as const;
  const write = (chunk: OutcomeChunk): Promise<void> => {
    return spool.write({ ...chunk, errors: withSources(chunk.errors, given) });
  };
  await engine.process({ ...bundle, source }, { write }, processOptions);
}

/** A failure stays where it came from, also where it was not read from there this time. */
function withSources(errors: Uint8Array, given: ReadonlyMap<number, Given>): Uint8Array {
  const lines = linesOf(errors).map((line) => {
    const source = given.get(ordinalOf(parseErrorsLine(line)))?.source;
    return source === undefined ? line : line.slice(0, -sourceIn(line).length) + source;
  });
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
}

/** The end of an errors line from its `source` on, which is its last field: in a string a `"` would be escaped. */
function sourceIn(line: string): string {
  return line.slice(line.lastIndexOf(',"source":'));
}
