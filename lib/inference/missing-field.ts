import type { PipelineInput } from '../config/pipeline.ts';
import type { ReadElement } from '../formats/format.ts';
import { namedField } from './element-key.ts';

/** A field that the configuration names, and that no element at the beginning of an object has. */
export interface MissingField {
  /** Option that names the field. */
  readonly option: 'input.id' | 'input.key';
  readonly field: string;
  /** Name of the object, as in the ids of its elements. */
  readonly name: string;
  /** Number of elements that were checked. */
  readonly elements: number;
  /** Fields that the elements have; empty if the elements are not objects. */
  readonly fields: readonly string[];
}

/** Maximum number of fields to name. */
const MAX_FIELDS = 20;

/** Finds the fields for ids and keys that no element of a page has. Ignores elements that could not be read. */
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
