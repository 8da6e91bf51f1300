import { ModelLoadError } from '../../errors.ts';
import { allocate, type NamedTensors, type NumericDatatype, type Tensor, type TensorMetadata } from '../tensor.ts';
import type { TokenPadding, TokenSequence } from './text-tokenizer.ts';

/** Inputs of a text model that are made of its tokens. */
const TOKEN_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'] as const;
type TokenInput = (typeof TOKEN_INPUTS)[number];

/** @throws ModelLoadError if the model has an input that tokens do not give, or no `input_ids` */
export function checkTokenInputs(inputs: readonly TensorMetadata[], path: string): void {
  const names = inputs.map(({ name }) => name);
  const other = names.find((name) => !TOKEN_INPUTS.includes(name as TokenInput));
  if (other === undefined && names.includes('input_ids')) return;
  const found = `its inputs are ${names.map((name) => `'${name}'`).join(', ')}`;
  throw new ModelLoadError(
    `${path} must have the input 'input_ids', and no others than ${TOKEN_INPUTS.map((name) => `'${name}'`).join(', ')}, for a task on texts: ${found}`,
  );
}

/**
 * Packs sequences into the inputs of a model, padded to the longest: tensors [sequences, tokens].
 *
 * @param rowsOfElement - sequences of each element; if set, tensors are [elements, sequences of one, tokens]
 */
export function packTokens(
  sequences: readonly TokenSequence[],
  inputs: readonly TensorMetadata[],
  { padding, rowsOfElement }: { readonly padding: TokenPadding; readonly rowsOfElement?: number | undefined },
): NamedTensors {
  const longest = sequences.reduce((most, { ids }) => Math.max(most, ids.length), 1);
  const shape =
    rowsOfElement === undefined
      ? [sequences.length, longest]
      : [sequences.length / rowsOfElement, rowsOfElement, longest];
  const tensors: Record<string, Tensor> = {};
  for (const { name, datatype } of inputs) {
    const data = allocate(datatype as NumericDatatype, sequences.length * longest);
    const filler = new Filler(data, datatype);
    if (name === 'input_ids' && padding.id !== 0) filler.pad(padding.id);
    sequences.forEach((sequence, index) => {
      const start = index * longest + (padding.side === 'left' ? longest - sequence.ids.length : 0);
      filler.write(valuesFor(name as TokenInput, sequence), sequence.ids.length, start);
    });
    tensors[name] = { datatype, shape, data };
  }
  return tensors;
}

type Values = Int32Array | 'ones' | 'positions' | undefined;

function valuesFor(name: TokenInput, { ids, types }: TokenSequence): Values {
  switch (name) {
    case 'input_ids':
      return ids;
    case 'attention_mask':
      return 'ones';
    case 'position_ids':
      return 'positions';
    case 'token_type_ids':
      return types;
  }
}

/** Bytes of a value in the tensors of a batch, for each token and input. */
const TOKEN_BYTES = 8;

export function tokenBytes(tokens: number, inputs: readonly TensorMetadata[]): number {
  return tokens * inputs.length * TOKEN_BYTES;
}

/** Writes whole numbers that are not negative. A 64-bit one is written as its low half, much faster than a bigint. */
class Filler {
  readonly #data: { [index: number]: number; readonly length: number; fill(value: number): unknown };
  readonly #step: number;

  constructor(data: ReturnType<typeof allocate>, datatype: string) {
    const isWide = datatype === 'INT64';
    // The view has a place for each half; both kinds of arrays are indexed by numbers.
    this.#data = (isWide ? new Int32Array(data.buffer as ArrayBuffer) : data) as Int32Array;
    this.#step = isWide ? 2 : 1;
  }

  pad(value: number): void {
    for (let index = 0; index < this.#data.length; index += this.#step) this.#data[index] = value;
  }

  write(values: Values, count: number, start: number): void {
    if (values === undefined) return;
    for (let index = 0; index < count; index += 1) {
      const value = values === 'ones' ? 1 : values === 'positions' ? index : (values[index] ?? 0);
      this.#data[(start + index) * this.#step] = value;
    }
  }
}
