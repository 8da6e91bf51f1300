import { deserialize, serialize } from 'node:v8';
import { describeError, ModelLoadError } from '../errors.ts';
import { listResults, ResultCountError } from '../models/batch-results.ts';
import type { Probe } from '../models/model-handler-options.ts';
import type { InferenceArgs, ModelHandler } from '../models/model-handler.ts';

const DEFAULT_TOLERANCE = 1e-3;
/** Maximum characters of a text in a message. */
const SHOWN_CHARACTERS = 60;

/** A probe on its way to a host, with the arguments that its step passes to every batch. */
interface CarriedProbe {
  readonly probe: Probe;
  readonly inferenceArgs: InferenceArgs | undefined;
}

/** Encodes a probe by structured clone, in base64: JSON can't represent typed arrays and NaN. */
export function encodeProbe(probe: Probe, inferenceArgs: InferenceArgs | undefined): string {
  return serialize({ probe, inferenceArgs } satisfies CarriedProbe).toString('base64');
}

/** Runs a probe through a loaded model. @throws ModelLoadError with the actual and the expected result */
export async function runProbe(handler: ModelHandler, model: unknown, encoded: string): Promise<void> {
  const { probe, inferenceArgs } = deserialize(Buffer.from(encoded, 'base64')) as CarriedProbe;
  let answers: readonly unknown[];
  try {
    const given: unknown = await handler.runInference([probe.input], model, inferenceArgs);
    answers = await listResults(given, { giver: 'runInference', count: 1 });
  } catch (error) {
    const { name, message } = describeError(error);
    if (error instanceof ResultCountError) {
      const reason = `the model does not answer the probe with exactly one result: ${message}`;
      throw new ModelLoadError(reason, { cause: error });
    }
    throw new ModelLoadError(`the model does not take the probe: ${name}: ${message}`, { cause: error });
  }
  if (probe.output === undefined) return;
  const { output, tolerance = DEFAULT_TOLERANCE } = probe;
  const difference = differenceOf(answers[0], output, { tolerance, path: 'output' });
  if (difference !== undefined) throw new ModelLoadError(`the model answers the probe wrongly: ${difference}`);
}

interface ValuePlace {
  /** Maximum difference of numbers. */
  readonly tolerance: number;
  /** Name of the value in the message, such as `output.scores[0]`. */
  readonly path: string;
}

/**
 * Returns the first difference of a result from the expected one; undefined if there is no difference. Numbers may differ
 * by `tolerance`, and a result may have other fields too.
 */
export function differenceOf(got: unknown, wanted: unknown, place: ValuePlace): string | undefined {
  const { tolerance, path } = place;
  if (isNumeric(wanted)) {
    if (isNumeric(got) && isNear(Number(got), Number(wanted), tolerance)) return undefined;
    return `${path} is ${shown(got)}, and should be ${shown(wanted)} within ${tolerance}`;
  }
  if (isList(wanted)) return listDifference(got, wanted, place);
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof got !== 'object' || got === null || isList(got))
      return `${path} is ${shown(got)}, and should be an object`;
    for (const [name, value] of Object.entries(wanted)) {
      const field = Object.hasOwn(got, name) ? (got as Readonly<Record<string, unknown>>)[name] : undefined;
      const difference = differenceOf(field, value, { tolerance, path: `${path}.${name}` });
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  return Object.is(got, wanted) ? undefined : `${path} is ${shown(got)}, and should be ${shown(wanted)}`;
}

function listDifference(got: unknown, wanted: ArrayLike<unknown>, { tolerance, path }: ValuePlace): string | undefined {
  if (!isList(got) || got.length !== wanted.length) {
    return `${path} is ${shown(got)}, and should be a list of ${wanted.length}`;
  }
  for (let index = 0; index < wanted.length; index += 1) {
    const difference = differenceOf(got[index], wanted[index], { tolerance, path: `${path}[${index}]` });
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function isNear(got: number, wanted: number, tolerance: number): boolean {
  // Infinities differ from themselves by NaN, and NaN by everything.
  return Object.is(got, wanted) || Math.abs(got - wanted) <= tolerance;
}

function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, SHOWN_CHARACTERS));
  if (isList(value)) return `a list of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
