import { InputMismatchError } from '../../models/element-shape.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import type { TensorMetadata } from '../../models/tensor.ts';
import type { Parameters } from './infer-request.ts';

/** Arguments by their purpose. */
export interface RequestArgs {
  /** Arguments that are inputs of the model. */
  readonly feeds: InferenceArgs;
  /** Arguments that are sent beside the inputs. */
  readonly parameters: Parameters;
}

/** @throws InputMismatchError for an argument that can be neither. */
export function splitArgs(args: InferenceArgs, inputs: readonly TensorMetadata[]): RequestArgs {
  const feeds: Record<string, unknown> = {};
  const parameters: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(args)) {
    if (inputs.some((input) => input.name === name)) feeds[name] = value;
    else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      parameters[name] = value;
    } else {
      throw new InputMismatchError(
        `'inferenceArgs' has '${name.slice(0, 64)}', which is not an input of the model, and must be a string, number or boolean to be a parameter of the request`,
      );
    }
  }
  return { feeds, parameters };
}
