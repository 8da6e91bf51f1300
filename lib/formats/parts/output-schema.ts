/** Types of single values in tables of results. */
export const OUTPUT_TYPES = [
  'string',
  'bool',
  'int32',
  'int64',
  'float',
  'double',
  'timestamp',
  'date',
  'json',
] as const;

/**
 * Type of a prediction, or of a part of it: of a single value, of a list (`['float']`), or of an object by its fields.
 * `json` takes any value, and writes its JSON as text.
 */
export type OutputType =
  | (typeof OUTPUT_TYPES)[number]
  | readonly [OutputType]
  | { readonly [field: string]: OutputType };

const MIN_INT32 = -0x8000_0000;
const MAX_INT32 = 0x7fff_ffff;
/** Digits that a 64-bit integer can have. */
const INTEGER = /^-?\d{1,19}$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?$/;
/** Numbers that JSON can't say are strings in results. */
const NOT_FINITE: ReadonlySet<unknown> = new Set(['NaN', 'Infinity', '-Infinity']);

/**
 * Describes why a JSON value is not of a type; undefined if it is. A null is of each type.
 *
 * @param path - of the value, for the message: `prediction.label`
 */
export function misfit(value: unknown, type: OutputType, path: string): string | undefined {
  if (value === null || value === undefined || type === 'json') return undefined;
  if (typeof type === 'string') {
    return isOfType(value, type) ? undefined : `${path} must be ${type}: it is ${kindOf(value)}`;
  }
  if (isListType(type)) {
    if (!Array.isArray(value)) return `${path} must be a list: it is ${kindOf(value)}`;
    return firstOf(value, (item, index) => misfit(item, type[0], `${path}[${index}]`));
  }
  if (typeof value !== 'object' || Array.isArray(value)) return `${path} must be an object: it is ${kindOf(value)}`;
  const extra = Object.keys(value).find((name) => !Object.hasOwn(type, name));
  if (extra !== undefined) return `${path}.${extra} is not in 'output.schema'`;
  return firstOf(Object.entries(value), ([name, item]) => misfit(item, type[name] ?? 'json', `${path}.${name}`));
}

export function isListType(type: OutputType): type is readonly [OutputType] {
  return Array.isArray(type);
}

function firstOf<T>(items: readonly T[], find: (item: T, index: number) => string | undefined): string | undefined {
  for (const [index, item] of items.entries()) {
    const found = find(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isOfType(value: unknown, type: (typeof OUTPUT_TYPES)[number]): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'int32':
      return Number.isInteger(value) && Number(value) >= MIN_INT32 && Number(value) <= MAX_INT32;
    case 'int64':
      return Number.isSafeInteger(value) || (typeof value === 'string' && INTEGER.test(value) && isInt64(value));
    case 'float':
    case 'double':
      return typeof value === 'number' || NOT_FINITE.has(value);
    case 'timestamp':
      return typeof value === 'string' && TIMESTAMP.test(value) && !Number.isNaN(Date.parse(value));
    case 'date':
      return typeof value === 'string' && DATE.test(value) && isDate(value);
    case 'json':
      return true;
  }
}

function isInt64(digits: string): boolean {
  return BigInt.asIntN(64, BigInt(digits)) === BigInt(digits);
}

/** Checks for a day that there is: `Date` takes 30 February for 1 March. */
function isDate(text: string): boolean {
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${JSON.stringify(value)}`;
}
