import type { PipelineInput } from '../../config/pipeline.ts';
import type { PositionIds } from '../../elements/identity.ts';
import { ElementReadError } from '../../errors.ts';
import { PackedElement } from '../../formats/numbers/packed-element.ts';
import type { ReadElement } from '../../formats/format.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { ownField } from '../../elements/named-field.ts';
import type { FieldOf, KeyOf } from '../element-key.ts';
import { WorkItem } from './work-item.ts';

export interface ItemContext {
  readonly ids: PositionIds;
  readonly input: PipelineInput;
  readonly idOf: FieldOf;
  readonly keyOf: KeyOf;
}

/** An element on its way, with what the configuration says its fields are; `ordinal` is its place in its bundle. */
export function itemOf(read: ReadElement, ordinal: number, { ids, input, idOf, keyOf }: ItemContext): WorkItem {
  const item = new WorkItem(read, ordinal, ids);
  if (read instanceof PackedElement) {
    // A key that is a segment of the object's key is the same for all elements.
    if (typeof input.key === 'object') item.key = keyOf(undefined);
    return item;
  }
  item.shownId = idOf(read.input, read.raw);
  item.key = keyOf(read.input, read.raw);
  if (input.inferenceArgs !== undefined) readArgs(item, read, input.inferenceArgs);
  return item;
}

/** Gives the item its own arguments. What is no object can't be them, and the element has to say what it means. */
function readArgs(item: WorkItem, read: ReadElement, name: string): void {
  if (read.failure !== undefined) return;
  const args = ownField(read.input, name);
  if (args === undefined) return;
  // A copy: functions may change the value that they get, and arguments are those that were read.
  if (isPlainObject(args)) item.inferenceArgs = JSON.parse(JSON.stringify(args)) as InferenceArgs;
  else item.fail('read', new InvalidInferenceArgsError(name, args));
}

class InvalidInferenceArgsError extends ElementReadError {
  constructor(field: string, args: unknown) {
    const message = `The element's arguments for runInference, its field '${field}', must be an object: they are ${kindOf(args)}`;
    super('InvalidInferenceArgs', message);
  }
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}

/** Checks for a plain object: of parsed values, all objects except lists and bytes are plain. */
function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
