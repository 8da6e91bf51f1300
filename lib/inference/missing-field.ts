import type { PipelineInput } from '../config/fabric.ts';
import type { ReadElement } from '../formats/format.ts';
import { namedField } from './element-key.ts';

/** A field that the configuration names, and that none of the elements at the beginning of an object has. */
export interface MissingField {
  /** The option that names it. */
  readonly option: 'input.id' | 'input.key';
  readonly field: string;
  /** The object, as the ids of its elements name it. */
  readonly name: string;
  /** The number of elements that were looked at. */
  readonly elements: number;
  /** The fields that there are; empty where the elements are not objects. */
  readonly fields: readonly string[];
}

/** Fields of elements that are named at most. */
const MAX_FIELDS = 20;

/** Finds the fields for ids and keys that no element of a page has; elements that could not be read say nothing of them. */
export function missingFields(
  page: readonly ReadElement[],
  { id, key }: Pick<PipelineInput, 'id' | 'key'>,
  name: string,
): readonly MissingField[] {
  const named = [
    ['input.id', id],
    ['input.key', typeof key === 'string' ? key : undefined],
  ] as const;
  if (named.every(([, field]) => field === undefined)) return [];
  const read = page.filter(({ failure }) => failure === undefined);
  if (read.length === 0) return [];
  return named.flatMap(([option, field]) => {
    if (field === undefined || read.some(({ input }) => namedField(input, field) !== undefined)) return [];
    return [{ option, field, name, elements: read.length, fields: fieldsOf(read) }];
  });
}

function fieldsOf(elements: readonly ReadElement[]): readonly string[] {
  const fields = new Set<string>();
  for (const { input } of elements) {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) continue;
    for (const field of Object.keys(input)) {
      fields.add(field);
      if (fields.size >= MAX_FIELDS) return [...fields];
    }
  }
  return [...fields];
}
