import { InputMismatchError } from '../../models/element-shape.ts';
import { shownType, shownValue } from '../shown-value.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * A record of a Bedrock batch inference file.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html
 */
export interface BedrockRecord {
  readonly recordId?: string;
  /** The body of the request: the model's own, or Converse's. */
  readonly modelInput: Fields;
}

/** Field that identifies a record. It is never sent. */
export const RECORD_ID = 'recordId';
export const RECORD_FIELDS: ReadonlySet<string> = new Set([RECORD_ID, 'modelInput']);

/** Checks whether it is a record, and not a model's own body that has such a field. */
export function isRecord(element: unknown): element is Fields {
  if (typeof element !== 'object' || element === null || !Object.hasOwn(element, 'modelInput')) return false;
  return Object.hasOwn(element, RECORD_ID) || Object.keys(element).length === 1;
}

/** Returns a record's body; any other element unchanged. @throws InputMismatchError if a record has other fields */
export function modelInputOf(element: unknown): unknown {
  if (!isRecord(element)) return element;
  const unknown = Object.keys(element).find((name) => !RECORD_FIELDS.has(name));
  if (unknown !== undefined) {
    throw new InputMismatchError(
      `a record must have no fields but 'recordId' and 'modelInput': got ${shownValue(unknown)}`,
    );
  }
  const { modelInput } = element;
  if (typeof modelInput === 'object' && modelInput !== null && !Array.isArray(modelInput)) return modelInput;
  throw new InputMismatchError(`the 'modelInput' of a record must be an object: got ${shownType(modelInput)}`);
}
