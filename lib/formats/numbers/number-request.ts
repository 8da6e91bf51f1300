/** Types of numbers that are packed while they are read. */
export type NumberType = 'FP32' | 'FP64' | 'INT32' | 'INT64';

export type NumberData = Float32Array | Float64Array | Int32Array | BigInt64Array;

/** Numbers of one input of a model: `size` of them in each row. */
export interface NumberInput {
  readonly type: NumberType;
  /** A field with all numbers of a row, or a list of fields with one number each. `meta.mask` is a field below another. */
  readonly fields: string | readonly string[];
  readonly size: number;
  /** True if a missing value is NaN. */
  readonly takesMissing: boolean;
}

/**
 * Asks a reader to pack numbers of each element into rows, instead of making a value of it. A reader packs what it
 * understands, and reads every other element as usual.
 */
export interface NumberRequest {
  readonly inputs: readonly NumberInput[];
}
