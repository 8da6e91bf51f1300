import { isStackOverflow } from '../../elements/nesting.ts';

/**
 * A value as JSON on one line. What JSON can't say is said so: NaN and the infinities as strings of their names,
 * integers past 2^53 as strings of their digits, `undefined` as null, typed arrays as arrays.
 */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(isPlain(value) ? value : plain(value));
  } catch (error) {
    // Neither walk ends in a value that refers to itself.
    if (isStackOverflow(error))
      throw new TypeError("the value can't be said in JSON: it refers to itself, or is nested too deeply", {
        cause: error,
      });
    throw error;
  }
}

/** Checks whether JSON.stringify represents the value exactly. */
function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return value === null || isPlainObject(value);
    default:
      return false;
  }
}

function isPlainObject(value: object): boolean {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const item: unknown = value[index];
      if (typeof item === 'number' ? !Number.isFinite(item) : !isPlain(item)) return false;
    }
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const name in value) if (!isPlain((value as Record<string, unknown>)[name])) return false;
  return true;
}

function plain(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case 'object':
      return value === null ? null : plainObject(value);
    case 'string':
    case 'boolean':
      return value;
    case 'undefined':
      return null;
    default:
      // A function or a symbol is no data.
      return null;
  }
}

function plainObject(value: object): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, plain);
  if ('toJSON' in value && typeof value.toJSON === 'function') return plain((value.toJSON as () => unknown)());
  if (Array.isArray(value)) return Array.from(value, plain);
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, item]) => [String(key), plain(item)]));
  if (value instanceof Set) return Array.from(value, plain);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}
