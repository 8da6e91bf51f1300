import { checkDeclaredInputs, type DeclaredInputs } from '../../models/declared-inputs.ts';
import { isRecord } from '../../models/element-shape.ts';
import type { TensorMetadata } from '../../models/tensor.ts';
import { isWireDatatype } from './wire-datatype.ts';

/** Options that declare inputs: fields of elements, tensors of the model, or both. */
export interface InputOptions {
  readonly inputs?: DeclaredInputs | readonly TensorMetadata[] | undefined;
  readonly inputTensors?: readonly TensorMetadata[] | undefined;
}

/** Declared inputs by their kind. */
export interface SplitInputs {
  /** Fields of elements that are the model's inputs. */
  readonly declared: DeclaredInputs | undefined;
  /** Tensors that the server does not declare. */
  readonly tensors: readonly TensorMetadata[] | undefined;
}

/**
 * Separates fields of elements from tensors of the model: the option `inputs` can be either.
 *
 * @throws TypeError if an entry is neither, or if tensors are given twice.
 */
export function splitInputs({ inputs, inputTensors }: InputOptions, handler: string): SplitInputs {
  if (inputTensors !== undefined) checkTensors(inputTensors, { option: 'inputTensors', handler });
  if (inputs === undefined || !areTensors(inputs)) {
    checkDeclaredInputs(inputs, handler);
    return { declared: inputs, tensors: inputTensors };
  }
  if (inputTensors !== undefined) {
    throw new TypeError(
      `Cannot create ${handler} as 'inputs' must name fields of elements if 'inputTensors' is given: both are tensors`,
    );
  }
  checkTensors(inputs, { option: 'inputs', handler });
  return { declared: undefined, tensors: inputs };
}

/** Checks whether `inputs` has its earlier form. */
function areTensors(inputs: DeclaredInputs | readonly TensorMetadata[]): inputs is readonly TensorMetadata[] {
  return Array.isArray(inputs) && inputs.length > 0 && inputs.every((entry: unknown) => isRecord(entry));
}

interface OptionOf {
  readonly option: string;
  readonly handler: string;
}

function checkTensors(tensors: readonly TensorMetadata[], { option, handler }: OptionOf): void {
  const hold =
    Array.isArray(tensors) &&
    tensors.every(
      (tensor: Partial<TensorMetadata> | undefined) =>
        typeof tensor?.name === 'string' && isWireDatatype(tensor.datatype) && Array.isArray(tensor.shape),
    );
  if (hold) return;
  throw new TypeError(
    `Cannot create ${handler} as each of '${option}' must have 'name', 'datatype' and 'shape', such as { name: 'features', datatype: 'FP32', shape: [-1, 4] }`,
  );
}
