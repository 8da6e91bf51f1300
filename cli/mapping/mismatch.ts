import { InputError } from '../../lib/jobs/run/run-input.ts';
import type { InspectedModel, InspectedTensor } from '../../lib/models/inspect-onnx.ts';
import { nearestName, suggestion } from '../../lib/nearest-name.ts';
import { counted } from '../format/amounts.ts';
import { describedTensor } from '../format/tensor.ts';
import { type DataSample, isCompound, isSuitable, widthOf } from './data-sample.ts';

/** Names of columns that are not features. */
const ID = /(?:^|_)(?:id|key|index)$/i;

export function describedInput({ name, datatype, shape, batchDimension }: InspectedTensor): string {
  return `input ${describedTensor({ name, datatype, shape: shape ?? [] }, batchDimension !== null)}`;
}

/** Returns the error for a file whose fields are not a model's inputs: both lists side by side, and what to do. */
export function mismatch(model: InspectedModel, sample: DataSample, fields: readonly string[]): InputError {
  const rows = model.inputs.map((input) => {
    const near = fields.includes(input.name) ? input.name : nearestName(input.name, fields)?.name;
    return [describedInput(input).replace(/^input /, ''), near === undefined ? '-' : `'${near}'`] as const;
  });
  const columns = Math.max('input'.length, ...rows.map(([left]) => left.length));
  const have = fields.length === 0 ? 'its elements have no fields' : fields.join(', ');
  return new InputError(
    [
      `the inputs of ${model.model} are not fields of ${sample.name}:`,
      `  ${'input'.padEnd(columns)}  nearest field`,
      ...rows.map(([left, right]) => `  ${left.padEnd(columns)}  ${right}`),
      `fields of ${sample.name}: ${have}`,
      adviceFor(model, sample, fields),
    ].join('\n'),
  );
}

/** Returns the error for a column of `--input-columns` that a file does not have. */
export function unknownColumn(column: string, { name }: DataSample, fields: readonly string[]): InputError {
  const nearest = suggestion(column, fields);
  return new InputError(
    `'--input-columns' names '${column}', and ${name} has no such column${nearest}; its columns are ${fields.join(', ')}`,
  );
}

function adviceFor({ inputs }: InspectedModel, sample: DataSample, fields: readonly string[]): string {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) {
    const named = inputs.map(({ name }) => `--input-columns ${name}=…`);
    return `Name the columns of each input that is not a field: ${named.join(' ')}`;
  }
  const width = widthOf(input);
  const features = fields.filter((field) => !ID.test(field) && isSuitable(input, sample, field));
  const array = fields.find((field) =>
    sample.elements.some((element) => isCompound(element) && Array.isArray(element[field])),
  );
  const columns = array ?? (features.length === width ? features.join(',') : undefined);
  if (columns !== undefined) return `If these are its columns, in the order of training: --input-columns ${columns}`;
  if (width !== undefined && fields.length < width)
    return `The input takes ${counted(width, 'value')}, and the file has ${counted(fields.length, 'field')}: it needs a file with its features`;
  const count = width === undefined ? 'its columns' : `its ${width} columns`;
  return `Name ${count}, in the order of training: --input-columns ${fields.slice(0, 2).join(',')},…`;
}
