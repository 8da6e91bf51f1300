/** Maximum number of an element's fields that an error message names. */
const MAX_NAMES = 5;
/** Maximum characters of a value or a name in an error message. */
const MAX_CHARACTERS = 64;

/** Returns the type of a JSON value for error messages. */
export function shownType(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'null' : typeof value;
}

/** Returns the beginning of a text for error messages, or the type of another value. */
export function shownValue(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, MAX_CHARACTERS)}'` : shownType(value);
}

/**
 * Describes an element, or a part of it, that does not have its content.
 *
 * @param missing - the fields that an object should have, such as `'input'`
 */
export function shownElement(element: unknown, missing: string): string {
  if (Array.isArray(element)) return `a list of ${element.length}`;
  if (typeof element !== 'object' || element === null) return shownType(element);
  const names = Object.keys(element).slice(0, MAX_NAMES);
  return `an object without ${missing}${names.length === 0 ? '' : `, which has ${names.map(shownValue).join(', ')}`}`;
}
