import { ModelLoadError } from '../errors.ts';
import { isFree, type OutputMetadata, type TensorMetadata } from './tensor.ts';
import { type InputLayout, isMadeUp, layOutAlone, layOutInputs } from './input-layout.ts';

/** Facts about a model's outputs that its graph shows and their metadata does not. */
export interface OutputFacts {
  /** Outputs whose sizes depend on the values of the inputs: the number of detections, for example. */
  readonly valueSized: ReadonlySet<string>;
  /** Outputs whose number of dimensions is known only after the model has run. */
  readonly unranked: ReadonlySet<string>;
}

export interface BatchLayoutOptions {
  readonly maxBatchSize: number;
  /** `false`: the model has no batch. `true`: dimension 0 of all inputs and outputs is the batch. @default detected */
  readonly batchDimension: boolean | undefined;
  /** Reads the model's graph; undefined if it can't be read. */
  readonly facts: () => OutputFacts | undefined;
}

/** Position of the batch in a model's tensors. A batch of one that the model does not fix is a dimension 0 of 1. */
export interface BatchLayout {
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly OutputMetadata[];
  /** Message for the user about the layout. */
  readonly warning?: string;
}

/** Relation of an output to the elements of a batch; `isOfOne` if it has the one row of a batch of one. */
type Belonging =
  | { readonly kind: 'rows' | 'unproven' | 'whole' }
  | { readonly kind: 'none'; readonly why: string; readonly isOfOne: boolean };

/**
 * Finds the batch dimension of a model's inputs and outputs.
 *
 * @throws ModelLoadError if the inputs disagree about the batch, or an output has no row for each element.
 */
export function batchLayout(
  inputs: readonly TensorMetadata[],
  outputs: readonly TensorMetadata[],
  options: BatchLayoutOptions,
): BatchLayout {
  if (inputs.length === 0) throw new ModelLoadError('the model has no inputs');
  const { batchDimension } = options;
  const hasDimensions = inputs.some(({ shape }) => shape.length > 0);
  if (batchDimension === false || !hasDimensions) return { inputs: layOutAlone(inputs), outputs: outputs.map(whole) };
  const layout = layOutInputs(inputs, outputs, options);
  const belongings = outputs.map((output) => belongingOf(output, layout, options));
  const refused = belongings.findIndex(({ kind }) => kind === 'none');
  if (refused < 0) {
    const own = outputs.map((output, index) => belonging(output, belongings[index]?.kind));
    return withWarning({ inputs: layout.inputs, outputs: own }, layout.warning);
  }
  const context = { layout, belongings, options };
  return withoutRows(inputs, outputs, context) ?? refuse(outputs, refused, context);
}

function whole(output: TensorMetadata): OutputMetadata {
  return belonging(output, 'whole');
}

function belonging(output: TensorMetadata, kind: Belonging['kind'] | undefined): OutputMetadata {
  return { ...output, isWhole: kind === 'whole', isUnproven: kind === 'unproven' };
}

function withWarning(layout: BatchLayout, warning: string | undefined): BatchLayout {
  return warning === undefined ? layout : { ...layout, warning };
}

function belongingOf(output: TensorMetadata, layout: InputLayout, options: BatchLayoutOptions): Belonging {
  const { fixedSize } = layout;
  const isOne = (fixedSize ?? options.maxBatchSize) === 1;
  const [rows] = output.shape;
  const none = (why: string, isOfOne = false): Belonging =>
    isOne ? { kind: 'whole' } : { kind: 'none', why: `${why}, so it has no row for each element`, isOfOne };
  if (rows === undefined) {
    return isUnranked(output, options) ? { kind: 'unproven' } : none('has no dimensions');
  }
  if (!isFree(rows)) {
    return rows === (fixedSize ?? (isOne ? 1 : undefined))
      ? { kind: 'rows' }
      : none(`has dimension 0 fixed at ${rows}`, rows === 1);
  }
  const name = String(rows);
  if (options.batchDimension === true || layout.symbols.has(name) || /batch/i.test(name)) return { kind: 'rows' };
  const shown = isMadeUp(name) ? 'a dimension 0' : `a dimension 0 '${name}'`;
  if (layout.otherSymbols.has(name)) return none(`has ${shown}, which is not the batch in the inputs`);
  return isValueSized(output, options)
    ? none(`has ${shown} whose length depends on the values of the elements`)
    : { kind: 'unproven' };
}

/** Checks whether the length of an output may depend on values; if not, it follows from the inputs' shapes alone. */
function isValueSized({ name }: TensorMetadata, { facts }: BatchLayoutOptions): boolean {
  return facts()?.valueSized.has(name) ?? true;
}

function isUnranked({ name }: TensorMetadata, { facts }: BatchLayoutOptions): boolean {
  return facts()?.unranked.has(name) ?? true;
}

interface Refused {
  readonly layout: InputLayout;
  readonly belongings: readonly Belonging[];
  readonly options: BatchLayoutOptions;
}

/** Returns the layout of a model without an output that has a row for each element: it takes elements one at a time. */
function withoutRows(
  inputs: readonly TensorMetadata[],
  outputs: readonly TensorMetadata[],
  { layout, belongings, options }: Refused,
): BatchLayout | undefined {
  if (options.batchDimension === true || belongings.some(({ kind }) => kind !== 'none')) return undefined;
  if (layout.fixedSize === undefined) {
    if (!belongings.every((belonging) => belonging.kind === 'none' && belonging.isOfOne)) return undefined;
    const warning = `runs one element at a time, as its outputs are fixed at a batch of one: set 'maxBatchSize: 1'`;
    const ofOne = layout.inputs.map((input) => (isFree(input.shape[0]) ? ofOneRow(input) : input));
    return { inputs: ofOne, outputs: outputs.map((output) => belonging(output, 'rows')), warning };
  }
  if (outputs.some(({ shape }) => isFree(shape[0]) && shape.length > 0)) return undefined;
  const warning = `runs one element at a time, as no output has its inputs' dimension 0 of ${layout.fixedSize}, which is therefore no batch: set 'batchDimension: false'`;
  return { inputs: layOutAlone(inputs), outputs: outputs.map(whole), warning };
}

/** Returns an input with one row, if the model leaves the number of rows free. */
function ofOneRow(input: TensorMetadata): TensorMetadata {
  return input.isForAll === true ? input : { ...input, shape: [1, ...input.shape.slice(1)] };
}

/** @throws ModelLoadError that names an output, and what can be done */
function refuse(outputs: readonly TensorMetadata[], refused: number, { layout, belongings, options }: Refused): never {
  const belonging = belongings[refused];
  const why = belonging?.kind === 'none' ? belonging.why : 'has no row for each element';
  const advice: string[] = [];
  if (belongings.some(({ kind }) => kind !== 'none')) {
    advice.push("leave it out by naming the others in 'outputNames'");
  }
  if (layout.fixedSize === undefined) advice.push("set 'maxBatchSize: 1' for each element to have the whole output");
  else advice.push("set 'batchDimension: false' if the model has no batch, for each element to have the whole output");
  if (isFree(outputs[refused]?.shape[0]) && options.batchDimension === undefined) {
    advice.push("set 'batchDimension: true' if dimension 0 is the batch");
  }
  throw new ModelLoadError(`output '${outputs[refused]?.name}' ${why}: ${advice.join(', or ')}`);
}
