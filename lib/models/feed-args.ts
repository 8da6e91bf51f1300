import { InputMismatchError, isRecord } from './element-shape.ts';
import type { InferenceArgs } from './model-handler.ts';
import type { TensorMetadata } from './tensor.ts';

/**
 * An element with arguments for the inputs that it does not have itself. One that is no object is the value of the only
 * input that the arguments leave open.
 */
export function feedArgs(element: unknown, args: InferenceArgs, inputs: readonly TensorMetadata[]): unknown {
  if (element === undefined || element === null) return element;
  const own = isRecord(element) ? element : bareInput(element, args, inputs);
  if (own === undefined) return element;
  const missing = Object.entries(args).filter(([name]) => own[name] === undefined || own[name] === null);
  return missing.length === 0 ? own : { ...own, ...Object.fromEntries(missing) };
}

function bareInput(
  element: unknown,
  args: InferenceArgs,
  inputs: readonly TensorMetadata[],
): Readonly<Record<string, unknown>> | undefined {
  const [open, ...others] = inputs.filter(({ name }) => !Object.hasOwn(args, name));
  return open === undefined || others.length > 0 ? undefined : { [open.name]: element };
}

/** @throws InputMismatchError where an argument is no input of the model: nothing would ever see it. */
export function checkArgs(args: InferenceArgs, inputs: readonly TensorMetadata[]): void {
  for (const name of Object.keys(args)) {
    if (inputs.some((input) => input.name === name)) continue;
    const names = inputs.map((input) => `'${input.name}'`).join(', ');
    throw new InputMismatchError(`'inferenceArgs' must name inputs of the model, ${names}: got '${name.slice(0, 64)}'`);
  }
}
