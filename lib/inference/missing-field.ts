import type { PipelineInput } from '../config/pipeline.ts';
import type { ReadElement } from '../formats/format.ts';
import { namedField } from '../elements/named-field.ts';

/** A field that the configuration names, and that no element at the beginning of an object has. */
export interface MissingField {
  /** Option that names the field. */
  readonly option: 'input.id' | 'input.key' | 'inputs';
  readonly field: string;
  /** Number of other fields of the option that no element has either. @default 0 */
  readonly others?: number;
  /** Name of the object, as in the ids of its elements. */
  readonly name: string;
  /** Number of elements that were checked. */
  readonly elements: number;
  /** Fields that the elements have; empty if the elements are not objects. */
  readonly fields: readonly string[];
}

/** Maximum number of fields to name. */
const MAX_FIELDS = 20;

/** Fields that the configuration names. */
export interface NamedFields {
  readonly id?: PipelineInput['id'] | undefined;
  readonly key?: PipelineInput['key'] | undefined;
  /** Fields that a model's declared inputs name. @default none */
  readonly inputs?: readonly string[] | undefined;
}

/** Finds the named fields that no element of a page has, by option. Ignores elements that could not be read. */
export function missingFields(
  page: readonly ReadElement[],
  { id, key, inputs = [] }: NamedFields,
  name: string,
): readonly MissingField[] {
  const named = [
    ['input.id', id === undefined ? [] : [id]],
    ['input.key', typeof key === 'string' ? [key] : []],
    ['inputs', inputs],
  ] as const;
  if (named.every(([, fields]) => fields.length === 0)) return [];
  const read = page.filter(({ failure }) => failure === undefined);
  if (read.length === 0) return [];
  return named.flatMap(([option, fields]) => {
    const [field, ...others] = fields.filter((one) => !read.some(({ input }) => namedField(input, one) !== undefined));
    if (field === undefined) return [];
    const more = others.length === 0 ? {} : { others: others.length };
    return [{ option, field, ...more, name, elements: read.length, fields: fieldsOf(read) }];
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
