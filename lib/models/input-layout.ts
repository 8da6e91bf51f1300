import { ModelLoadError } from '../errors.ts';
import { elementDimensions, isForAll, isFree, type TensorMetadata } from './tensor.ts';

/** Position of the batch in a model's inputs. */
export interface InputLayout {
  readonly inputs: readonly TensorMetadata[];
  /** Size at which the model fixes its batches. */
  readonly fixedSize: number | undefined;
  /** Names that the inputs have for the batch. */
  readonly symbols: ReadonlySet<string>;
  /** Names that the inputs have for other dimensions only. */
  readonly otherSymbols: ReadonlySet<string>;
  /** Message for the user about the layout. */
  readonly warning?: string;
}

export interface InputLayoutOptions {
  /** `true`: dimension 0 of all inputs is the batch. @default detected */
  readonly batchDimension: boolean | undefined;
  /** Advice for inputs that disagree. @default to set `batchDimension: false` */
  readonly advice?: string;
}

/** Names that exporters generate for unnamed dimensions: the same dimension may have several. */
const MADE_UP = /^(?:unk__\d+|.*_dynamic_axes_\d+|-?\d*)$/;
const BATCH = /batch/i;
/** Names of a dimension 0 that is time, as recurrent models have it. */
const TIME = /^(?:t|time|timesteps?|seq|seq_?len(?:gth)?|sequence(?:_length)?|frames?|num_frames|steps?)$/i;

const NOT_BATCHED = "set 'batchDimension: false' to give each element by itself, its values with all dimensions";

/** Checks whether a dimension has no name, or a meaningless one. */
export function isMadeUp(name: string): boolean {
  return MADE_UP.test(name);
}

/** Returns the inputs of a model that has no batch: each element provides the whole of every input. */
export function layOutAlone(inputs: readonly TensorMetadata[]): readonly TensorMetadata[] {
  return inputs.map((input) => ({ ...input, isForAll: true }));
}

/**
 * Finds the batch dimension of a model's inputs: dimension 0 of those in which it is free, or the size that all agree
 * on. If inputs are free or have a batch of one, an input with another size in dimension 0 is one value for all
 * elements.
 *
 * @throws ModelLoadError that names an input with which the others disagree.
 */
export function layOutInputs(
  inputs: readonly TensorMetadata[],
  outputs: readonly TensorMetadata[],
  { batchDimension, advice = NOT_BATCHED }: InputLayoutOptions,
): InputLayout {
  const batched = inputs.filter((input) => !isForAll(input));
  const free = batched.filter(({ shape }) => isFree(shape[0]));
  const symbols = new Set(names(free));
  const rest = inputs
    .flatMap((input) => elementDimensions(input))
    .filter(isFree)
    .map(String);
  const otherSymbols = new Set(rest.filter((name) => !isMadeUp(name) && !symbols.has(name)));
  if (batchDimension !== true) {
    checkOneSymbol(free, outputs, advice);
    for (const input of batched) checkBatchIsFirst(input, symbols, advice);
  }
  const sizes = new Set(batched.flatMap(({ shape: [size] }) => (isFree(size) ? [] : Number(size))));
  const isFreeToo = free.length > 0 && batchDimension !== true;
  const fixedSize = agreedSize(sizes, isFreeToo, outputs);
  if (fixedSize === undefined && sizes.size > 0 && !isFreeToo) throw disagreeing(batched, advice);
  const timed = batchDimension === true ? undefined : free.find(({ shape }) => TIME.test(String(shape[0])));
  if (fixedSize === undefined && timed !== undefined) {
    const warning = `runs one element at a time, as dimension 0 of its input '${timed.name}' is called '${timed.shape[0]}': set 'batchDimension: true' if it is the batch, or 'batchDimension: false' if each element has all of it`;
    return { inputs: laidOut(inputs, 1), fixedSize: 1, symbols, otherSymbols, warning };
  }
  return { inputs: laidOut(inputs, fixedSize), fixedSize, symbols, otherSymbols };
}

/** Finds the batch's size: that of all inputs; one, if any of them has it; or the size that an output has too. */
function agreedSize(
  sizes: ReadonlySet<number>,
  hasFree: boolean,
  outputs: readonly TensorMetadata[],
): number | undefined {
  if (sizes.has(1)) return 1;
  const [size] = sizes;
  if (size === undefined || sizes.size > 1) return undefined;
  return hasFree && !outputs.some(({ shape }) => shape[0] === size) ? undefined : size;
}

/** Returns the inputs with their part in a batch: a free dimension 0 gets the batch's size if that is fixed. */
function laidOut(inputs: readonly TensorMetadata[], fixedSize: number | undefined): readonly TensorMetadata[] {
  return inputs.map((input) => {
    const [size, ...rest] = input.shape;
    if (size === undefined || isForAll(input)) return input;
    if (isFree(size)) return fixedSize === undefined ? input : { ...input, shape: [fixedSize, ...rest] };
    return size === fixedSize ? input : { ...input, isForAll: true };
  });
}

/** Dimensions to which the model's author gave different names are different dimensions. */
function checkOneSymbol(free: readonly TensorMetadata[], outputs: readonly TensorMetadata[], advice: string): void {
  const own = names(free);
  const ofOutputs = new Set(names(outputs));
  const batch = own.find((name) => BATCH.test(name)) ?? own.find((name) => ofOutputs.has(name)) ?? own[0];
  const other = free.find(({ shape: [size] }) => {
    const name = String(size);
    return batch !== undefined && name !== batch && !isMadeUp(name) && !(BATCH.test(name) && BATCH.test(batch));
  });
  if (other === undefined) return;
  throw new ModelLoadError(
    `input '${other.name}' has dimension 0 '${other.shape[0]}', and others have '${batch}': set 'batchDimension: true' if both are the batch, or ${advice}`,
  );
}

/** A batch at a dimension other than the first would be mistaken for an element's own dimension. */
function checkBatchIsFirst({ name, shape }: TensorMetadata, symbols: ReadonlySet<string>, advice: string): void {
  const [first, ...rest] = shape;
  if (symbols.has(String(first)) && !rest.some((dimension) => BATCH.test(String(dimension)))) return;
  if (BATCH.test(String(first))) return;
  const axis = rest.findIndex((dimension) => symbols.has(String(dimension)) || BATCH.test(String(dimension)));
  if (axis < 0) return;
  throw new ModelLoadError(
    `input '${name}' has shape [${shape.join(', ')}], in which '${rest[axis]}', the batch, is dimension ${axis + 1}, and dimension 0 is not: ${advice}`,
  );
}

/** Returns the names that the model's author gave to the dimensions 0. */
function names(tensors: readonly TensorMetadata[]): readonly string[] {
  const free = tensors.flatMap(({ shape: [size] }) => (size !== undefined && isFree(size) ? String(size) : []));
  return free.filter((name) => !isMadeUp(name));
}

function disagreeing(batched: readonly TensorMetadata[], advice: string): ModelLoadError {
  const fixed = batched.filter(({ shape }) => !isFree(shape[0]));
  const [first] = fixed;
  const other = fixed.find(({ shape }) => shape[0] !== first?.shape[0]);
  return new ModelLoadError(
    `input '${other?.name}' has dimension 0 fixed at ${other?.shape[0]}, and input '${first?.name}' at ${first?.shape[0]}, so they have no batch in common: ${advice}`,
  );
}
