import { InputMismatchError } from '../../models/element-shape.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';

/** Fields of a request that the handler answers for: whoever set them would get another number of answers, or none. */
const OWN_FIELDS = new Set(['model', 'messages', 'input', 'stream', 'n', 'encoding_format']);

/** The first of the handler's own fields among others'. */
export function ownField(fields: Readonly<Record<string, unknown>>): string | undefined {
  return Object.keys(fields).find((name) => OWN_FIELDS.has(name));
}

/** The arguments of a step or an element, which are fields of a request. @throws InputMismatchError */
export function checkedArgs(args: InferenceArgs = {}): InferenceArgs {
  const name = ownField(args);
  if (name === undefined) return args;
  throw new InputMismatchError(`'inferenceArgs' must not set '${name}', which is the handler's own`);
}
