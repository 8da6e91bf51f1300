import { InputMismatchError } from '../../models/element-shape.ts';

/**
 * A shape in the AWS SDK's form: `[kind, namespace, name, traits, …]`, a member's `[shape, traits]`, a function that
 * returns one, or a number for a simple type. Any other shape accepts any value.
 */
type Shape = unknown;

/** Kinds of shapes, and simple types, as numbered by the SDK (`@smithy/core/schema`). */
const LIST = 1;
const MAP = 2;
const STRUCTURE = 3;
const UNION = 4;
const BLOB = 21;
const LIST_OF = 64;
const MAP_OF = 128;

/** Together with a length that is a multiple of 4. A repeated group would overflow the stack on many megabytes. */
const BASE64 = /^[A-Za-z\d+/]*={0,2}$/;

/**
 * Converts a value to the form that the SDK sends completely: base64 text in JSON becomes bytes.
 *
 * @throws InputMismatchError for a field that the shape does not have, at any depth: the SDK would omit it.
 */
export function shaped(value: unknown, shape: Shape, path = ''): unknown {
  const found = resolved(shape);
  if (typeof found === 'number') return simple(value, found, path);
  if (!Array.isArray(found) || value === null || typeof value !== 'object') return value;
  const [kind, , , , first, second] = found as readonly unknown[];
  if (kind === LIST) return listOf(value, first, path);
  if (kind === MAP) return mapOf(value, second, path);
  return (kind === STRUCTURE || kind === UNION) && Array.isArray(first) && Array.isArray(second)
    ? structureOf(value, { names: first, shapes: second }, path)
    : value;
}

function structureOf(
  value: object,
  { names, shapes }: { readonly names: readonly unknown[]; readonly shapes: readonly unknown[] },
  path: string,
): unknown {
  if (Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([name, inner]) => {
    const at = names.indexOf(name);
    if (at !== -1) return [name, shaped(inner, shapes[at], path === '' ? name : `${path}.${name}`)] as const;
    const where = path === '' ? 'a request' : `'${path}'`;
    throw new InputMismatchError(`Converse has no '${name.slice(0, 64)}' in ${where}`);
  });
  return Object.fromEntries(entries);
}

function listOf(value: object, shape: Shape, path: string): unknown {
  return Array.isArray(value) ? value.map((inner, index) => shaped(inner, shape, `${path}[${index}]`)) : value;
}

function mapOf(value: object, shape: Shape, path: string): unknown {
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, shaped(inner, shape, `${path}.${name}`)]),
  );
}

function simple(value: unknown, type: number, path: string): unknown {
  if (type >= MAP_OF) return value;
  if (type >= LIST_OF && Array.isArray(value)) {
    return value.map((inner, index) => simple(inner, type - LIST_OF, `${path}[${index}]`));
  }
  if (type !== BLOB || typeof value !== 'string') return value;
  if (value.length % 4 === 0 && BASE64.test(value)) return Buffer.from(value, 'base64');
  throw new InputMismatchError(`'${path}' must be bytes, in JSON as base64`);
}

/** Skips a member's traits, which do not describe its value. */
function resolved(shape: Shape): Shape {
  let found = shape;
  for (;;) {
    if (typeof found === 'function') found = (found as () => Shape)();
    else if (Array.isArray(found) && found.length === 2) [found] = found as readonly unknown[];
    else return found;
  }
}
