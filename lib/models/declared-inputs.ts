import { fieldNamed } from '../elements/named-field.ts';
import { InputMismatchError, isRecord, tensorType } from './element-shape.ts';
import { suggestion } from '../nearest-name.ts';
import { elementDimensions, elementsOf, isFree, type TensorMetadata } from './tensor.ts';

/** One field of an element, or a list of fields in the order of the tensor's columns. `meta.mask` is a field below another. */
export type DeclaredFields = string | readonly string[];

/**
 * Fields of an element that are the inputs of a model, by the names of these inputs. A model with one input may be given
 * its field or its list of fields alone.
 *
 * A list makes one row of numbers or texts: `{ x: ['age', 'income'] }` is a tensor of two columns. A single field is the
 * whole value for its input: a number, a text, or an array of its shape.
 */
export type DeclaredInputs = DeclaredFields | Readonly<Record<string, DeclaredFields>>;

/** Maximum number of an element's fields that a message names. */
const MAX_NAMED = 12;

/** @throws TypeError if the option `inputs` of a handler names no fields, or has an entry of another type. */
export function checkDeclaredInputs(declared: DeclaredInputs | undefined, handler: string): void {
  if (declared === undefined) return;
  const entries = isRecord(declared) ? Object.entries(declared) : ([['', declared]] as const);
  if (entries.length === 0) throw new TypeError(`Cannot create ${handler} as 'inputs' must name at least one field`);
  for (const [name, fields] of entries) {
    const names = typeof fields === 'string' ? [fields] : fields;
    const isList = Array.isArray(names) && names.length > 0;
    if (isList && names.every((field) => typeof field === 'string' && field !== '')) continue;
    const option = name === '' ? "'inputs'" : `'inputs.${name}'`;
    throw new TypeError(`Cannot create ${handler} as ${option} must be the name of a field or a list of such names`);
  }
}

/** Returns all fields that are declared, each once, in the order in which they are named. */
export function declaredFields(declared: DeclaredInputs): readonly string[] {
  return [...new Set(isRecord(declared) ? Object.values(declared).flat() : [declared].flat())];
}

/** One input of a model and its fields. */
export interface InputFields {
  readonly input: TensorMetadata;
  readonly fields: DeclaredFields;
}

/**
 * Assigns declared fields to the inputs of a model. Inputs without fields are left to the arguments of the step.
 *
 * @throws InputMismatchError if a name is not one of the model's inputs, or if fields are given alone and the model has
 *   several inputs.
 */
export function fieldsOfInputs(declared: DeclaredInputs, inputs: readonly TensorMetadata[]): readonly InputFields[] {
  if (!isRecord(declared)) {
    const [input] = inputs;
    if (input !== undefined && inputs.length === 1) return [checkedWidth({ input, fields: declared })];
    throw new InputMismatchError(
      `'inputs' must name the model's inputs, ${quoted(inputs.map(({ name }) => name))}, each with its field or list of fields`,
    );
  }
  return Object.entries(declared).map(([name, fields]) => {
    const input = inputs.find((one) => one.name === name);
    if (input !== undefined) return checkedWidth({ input, fields });
    const names = inputs.map((one) => one.name);
    const near = suggestion(name, names);
    throw new InputMismatchError(`'inputs' must name inputs of the model, ${quoted(names)}: got '${name}'${near}`);
  });
}

/** @throws InputMismatchError if a list has more or fewer fields than the tensor has columns */
function checkedWidth(declared: InputFields): InputFields {
  const { input, fields } = declared;
  if (typeof fields === 'string') return declared;
  const dimensions = elementDimensions(input);
  const fixed = elementsOf(dimensions.filter((dimension) => !isFree(dimension)).map(Number));
  const isOpen = dimensions.some(isFree);
  if (isOpen ? fields.length % fixed === 0 : fields.length === fixed) return declared;
  throw new InputMismatchError(
    `'inputs' must declare ${isOpen ? `a multiple of ${fixed}` : fixed} fields for '${input.name}', ${tensorType(input)}: got ${fields.length}`,
  );
}

/**
 * Returns a function that makes a model's element, `{ inputName: value }`, of an element that has the declared fields.
 *
 * The function throws an InputMismatchError if a field is absent, unless `missing` is `nan`: then it is a missing value.
 *
 * @param inputs - of the model; undefined if they are not known: then fields that are declared alone make the element.
 */
export function inputSelector(
  declared: DeclaredInputs,
  inputs: readonly TensorMetadata[] | undefined,
  { missing }: { readonly missing: 'nan' | 'fail' | undefined },
): (element: unknown) => unknown {
  const mayBeAbsent = missing === 'nan';
  if (inputs === undefined && !isRecord(declared)) return fieldsReader(declared, '', mayBeAbsent);
  const named: readonly (readonly [string, DeclaredFields])[] =
    inputs === undefined
      ? Object.entries(declared)
      : fieldsOfInputs(declared, inputs).map(({ input, fields }) => [input.name, fields]);
  const readers = named.map(([name, fields]) => [name, fieldsReader(fields, name, mayBeAbsent)] as const);
  return (element) => {
    const selected: Record<string, unknown> = {};
    for (const [name, read] of readers) selected[name] = read(element);
    return selected;
  };
}

function fieldsReader(fields: DeclaredFields, input: string, mayBeAbsent: boolean): (element: unknown) => unknown {
  const reader = (field: string) => {
    const valueOf = fieldNamed(field);
    return (element: unknown): unknown => {
      const value = valueOf(element);
      if (value === undefined && !mayBeAbsent) throw new InputMismatchError(absentField(field, input, element));
      return value;
    };
  };
  if (typeof fields === 'string') return reader(fields);
  const readers = fields.map(reader);
  return (element) => readers.map((read) => read(element));
}

function absentField(field: string, input: string, element: unknown): string {
  const use = input === '' ? '' : `, which 'inputs' declares for '${input}'`;
  if (!isRecord(element)) return `an element must be an object with the field '${field}'${use}`;
  if (Object.hasOwn(element, field)) return `the element's field '${field}'${use === '' ? '' : `${use},`} is undefined`;
  const names = Object.keys(element);
  return `the element has no field '${field}'${use}${suggestion(field, names)}; its fields are [${names.slice(0, MAX_NAMED).join(', ')}]`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
