import type { InspectedModel, InspectedTensor } from '../../lib/models/inspect-onnx.ts';
import { byteSize } from '../format/amounts.ts';
import { describedShape } from '../format/tensor.ts';
import { wrapped } from '../format/text.ts';

const INDENT = '  ';

/** Formats the facts about a model: the file, its inputs and outputs, and whether it can be run. */
export function inspectReport(model: InspectedModel, width = Infinity): string {
  const { irVersion, opset, producer, digest, bytes, externalData } = model;
  const opsets = Object.entries(opset).map(([domain, version]) => `${domain} ${version}`);
  const data = externalData.map(({ path, bytes: size }) => `${path} (${byteSize(size)})`);
  const facts: readonly (readonly [string, string])[] = [
    ['format', `ONNX, IR ${irVersion}, opset ${opsets.join(', ')}`],
    ['producer', producer || 'not named'],
    ['size', byteSize(bytes)],
    ['weights', data.length === 0 ? 'in the file' : data.join(', ')],
    ['digest', digest],
    ['batches', batchesOf(model)],
  ];
  const columns = Math.max(...[...model.inputs, ...model.outputs].map(({ name }) => name.length)) + 2;
  return [
    model.model,
    ...facts.map(([name, text]) => `${INDENT}${name.padEnd(10)}${text}`),
    'inputs',
    ...model.inputs.map((tensor) => tensorLine(tensor, columns, model.refused === undefined)),
    'outputs',
    ...model.outputs.map((tensor) => tensorLine(tensor, columns, model.refused === undefined)),
    ...verdict(model).map((line) => wrapped(line, width)),
  ].join('\n');
}

function batchesOf({ inputs, fixedBatchSize, refused }: InspectedModel): string {
  if (refused !== undefined) return 'unknown';
  if (inputs.every(({ batchDimension }) => batchDimension === null))
    return 'none: the model runs one element at a time';
  return fixedBatchSize === undefined ? 'dimension 0, of any size' : `dimension 0, fixed at ${fixedBatchSize}`;
}

function tensorLine(tensor: InspectedTensor, columns: number, isOpened: boolean): string {
  const { name, datatype, shape, batchDimension } = tensor;
  const hasBatch = batchDimension !== null;
  const isTensor = datatype === datatype.toUpperCase();
  const shown = shape === null ? 'of unknown shape' : describedShape({ shape }, hasBatch);
  const alone = isOpened && isTensor && !hasBatch ? ' (no batch)' : '';
  return `${INDENT}${`'${name}'`.padEnd(columns)}  ${isTensor ? `${datatype} ${shown}` : datatype}${alone}`;
}

function verdict({ model, refused, warning, outputNames }: InspectedModel): readonly string[] {
  if (refused !== undefined) return [`refused: the model ${refused}`];
  return [
    ...(warning === undefined ? [] : [`note: the model ${warning}`]),
    ...(outputNames === undefined
      ? []
      : [
          `note: only tensors can be read, so 'fabric predict' and 'fabric init' set outputNames: [${outputNames.map((name) => `'${name}'`).join(', ')}]`,
        ]),
    `OK: the model can be run. Try it: fabric predict ${model} <input>`,
  ];
}
