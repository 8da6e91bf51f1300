import { InputError } from '../../lib/jobs/run/run-input.ts';
import type { DeclaredFields, DeclaredInputs } from '../../lib/models/declared-inputs.ts';
import type { InspectedModel, InspectedTensor } from '../../lib/models/inspect-onnx.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import { counted } from '../format/amounts.ts';
import { type DataSample, fieldsOf, isCompound, isNumber, isSuitable, widthOf } from './data-sample.ts';
import { describedInput, mismatch, unknownColumn } from './mismatch.ts';

/** Fields for the inputs of a model. */
export interface MappedInputs {
  /** Option `inputs` of the handler. @default - fields have the names of the inputs, or elements are the one input */
  readonly inputs?: DeclaredInputs;
  /** Sentence for the user about what was assumed. */
  readonly note?: string;
}

/**
 * Maps the fields of a file to the inputs of a model: by names, which may differ in case, `_` and `-`; or by the columns
 * that the user gave. If a model has one input and the file has exactly its columns, they are taken in their order.
 *
 * @param given - values of `--input-columns`: `a,b,c` for the one input, or `input=a,b,c`
 * @throws InputError that lists the model's inputs beside the file's fields.
 */
export function mapInputs(model: InspectedModel, sample: DataSample, given: readonly string[] = []): MappedInputs {
  const { inputs } = model;
  const fields = fieldsOf(sample.elements);
  if (given.length > 0) return { inputs: givenInputs(model, { sample, fields }, given) };
  const [first, ...others] = sample.elements;
  if (first === undefined) return {};
  if (!isObject(first)) {
    if (inputs.length > 1 || others.some(isObject)) throw mismatch(model, sample, fields);
    checkElement(model, sample, first);
    return {};
  }
  const names = inputs.map(({ name }) => name);
  if (names.every((name) => fields.includes(name))) return {};
  const byName = mapByName(names, fields);
  if (byName !== undefined) return byName;
  const [input] = inputs;
  const suits = input !== undefined && fields.every((field) => isSuitable(input, sample, field));
  if (input === undefined || inputs.length > 1 || !suits || widthOf(input) !== fields.length)
    throw mismatch(model, sample, fields);
  const note = `the ${counted(fields.length, 'column')} of ${sample.name} are the input '${input.name}', in their order`;
  return { inputs: fields, note };
}

function mapByName(names: readonly string[], fields: readonly string[]): MappedInputs | undefined {
  const pairs = names.map((name) => [name, sameField(name, fields)] as const);
  if (pairs.some(([, field]) => field === undefined)) return undefined;
  const renamed = pairs.filter(([name, field]) => name !== field).map(([name, field]) => `'${name}' is '${field}'`);
  return {
    inputs: Object.fromEntries(pairs) as Readonly<Record<string, string>>,
    note: `inputs by names that differ in spelling: ${renamed.join(', ')}`,
  };
}

/** Returns the field of this name, or of the same words in another spelling. */
function sameField(name: string, fields: readonly string[]): string | undefined {
  if (fields.includes(name)) return name;
  const near = nearestName(name, fields);
  return near?.edits === 0 ? near.name : undefined;
}

interface SampledFields {
  readonly sample: DataSample;
  readonly fields: readonly string[];
}

function givenInputs(model: InspectedModel, sampled: SampledFields, given: readonly string[]): DeclaredInputs {
  const { inputs } = model;
  const entries = given.map((text) => {
    const [, name, columns = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    const named = inputs.find((input) => input.name === name);
    const input = named ?? (inputs.length === 1 ? inputs[0] : undefined);
    if (input === undefined)
      throw new InputError(
        `'--input-columns ${text}' must name the input, as the model has several (${inputs.map((one) => one.name).join(', ')}): '--input-columns ${inputs[0]?.name}=${text}', once for each`,
      );
    const list = (named === undefined ? text : columns).split(',').map((column) => column.trim());
    return [input.name, checkedColumns(input, list, sampled)] as const;
  });
  const [only] = entries;
  if (only !== undefined && inputs.length === 1) return only[1];
  const named = new Map<string, DeclaredFields>(entries);
  for (const { name } of inputs) {
    const field = named.has(name) ? name : sameField(name, sampled.fields);
    if (field === undefined) throw mismatch(model, sampled.sample, sampled.fields);
    if (!named.has(name)) named.set(name, field);
  }
  return Object.fromEntries(named);
}

/** @throws InputError if a column does not exist, or the model takes another number of them. */
function checkedColumns(
  input: InspectedTensor,
  columns: readonly string[],
  { sample, fields }: SampledFields,
): DeclaredFields {
  const unknown = columns.find((column) => !fields.includes(column));
  if (unknown !== undefined && fields.length > 0) throw unknownColumn(unknown, sample, fields);
  const [only] = columns;
  const isWhole = sample.elements.some((element) => isCompound(element) && Array.isArray(element[only ?? '']));
  if (only !== undefined && columns.length === 1 && (isWhole || widthOf(input) === undefined)) return only;
  const width = widthOf(input);
  if (width === undefined || width === columns.length) return columns;
  throw new InputError(
    `'--input-columns' must name ${counted(width, 'column')} for ${describedInput(input)}: it names ${columns.length}`,
  );
}

/** @throws InputError if an element that has no fields can't be the one input. */
function checkElement({ inputs: [input], model }: InspectedModel, { name }: DataSample, element: unknown): void {
  if (input === undefined) return;
  const width = widthOf(input);
  if (Array.isArray(element)) {
    if (width === undefined || Array.isArray(element[0]) || element.length === width) return;
    throw new InputError(
      `${describedInput(input)} takes ${counted(width, 'value')}, and the rows of ${name} have ${element.length}`,
    );
  }
  if (input.datatype === 'BYTES' || isNumber(element)) return;
  throw new InputError(
    `${describedInput(input)} of ${model} takes numbers, and the elements of ${name} are text: a config can compute numbers from it (withPreprocessFn in docs/models.md)`,
  );
}

function isObject(value: unknown): boolean {
  return isCompound(value) && !Array.isArray(value);
}
