/**
 * A copy of an element without these fields; the element itself where it has none of them. A name with dots that is no
 * field's own is a path: what is left empty on the way goes, too.
 */
export function withoutFields(element: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>((value, name) => {
    if (!isObject(value)) return value;
    return Object.hasOwn(value, name) ? without(value, [name]) : without(value, name.split('.'));
  }, element);
}

function without(value: Readonly<Record<string, unknown>>, [name = '', ...rest]: readonly string[]): object {
  if (!Object.hasOwn(value, name)) return value;
  const { [name]: inner, ...others } = value;
  if (rest.length === 0) return others;
  if (!isObject(inner)) return value;
  const left = without(inner, rest);
  if (left === inner) return value;
  return Object.keys(left).length === 0 ? others : { ...value, [name]: left };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}
