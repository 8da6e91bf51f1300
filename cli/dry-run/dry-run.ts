import type { OpenedModel } from '../../lib/inference/engine/engine-models.ts';
import type { MissingField } from '../../lib/inference/missing-field.ts';
import type { FailureGroup } from '../../lib/jobs/report/failure-groups.ts';
import type { TensorMetadata } from '../../lib/models/tensor.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import type { Tried } from './try-inputs.ts';

/** Output of `fabric run --dry-run --json`. */
export interface DryRun {
  readonly dryRun: true;
  readonly pipeline: string;
  /** Number of inputs that were found; `triedInputs` counts those whose elements were tried. */
  readonly inputs: number;
  readonly triedInputs: number;
  /** Number of models that were found at their URIs. */
  readonly models: number;
  /** Inputs and outputs of the models that were loaded, if these are known. */
  readonly signatures: readonly ModelSignature[];
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** The first lines of results. */
  readonly predictions: readonly unknown[];
  /** Failures by reason, the largest group first. */
  readonly failureGroups: readonly FailureGroup[];
  /** Fields that the configuration names and no element has. */
  readonly missingFields: readonly MissingField[];
  /** Inputs that can't be run at all. */
  readonly unreadable: Tried['unreadable'];
}

/** A model's inputs and outputs. */
export interface ModelSignature {
  readonly place: string;
  /** Label of the model in result lines. */
  readonly model: string;
  readonly inputs?: readonly TensorMetadata[];
  readonly outputs?: readonly TensorMetadata[];
}

export interface DryRunFacts {
  readonly pipeline: string;
  readonly inputs: number;
  readonly models: number;
  readonly opened: readonly OpenedModel[];
  readonly missingFields: readonly MissingField[];
  readonly tried: Tried;
}

export function dryRunOf({ pipeline, inputs, models, opened, missingFields, tried }: DryRunFacts): DryRun {
  const { tally, predictions } = tried.seen;
  return {
    dryRun: true,
    pipeline,
    inputs,
    triedInputs: tried.inputs,
    models,
    signatures: opened.map(signatureOf),
    total: tally.total,
    succeeded: tally.succeeded,
    failed: tally.failed,
    predictions: predictions.map((line) => JSON.parse(line) as unknown),
    failureGroups: tried.failures.list(),
    missingFields,
    unreadable: tried.unreadable,
  };
}

function signatureOf({ place, label, inputs, outputs }: OpenedModel): ModelSignature {
  const tensors = { ...(inputs === undefined ? {} : { inputs }), ...(outputs === undefined ? {} : { outputs }) };
  return { place, model: label, ...tensors };
}

/** Returns `failure` if an input can't be run, `wrongUsage` if a named field is missing, else the status of a run. */
export function dryRunStatus({ unreadable, missingFields, failed }: DryRun): ExitStatus {
  if (unreadable.length > 0) return EXIT.failure;
  if (missingFields.length > 0) return EXIT.wrongUsage;
  return failed > 0 ? EXIT.elementsFailed : EXIT.success;
}
