/**
 * Copies an element without these fields; returns the element itself if it has no such field. A name with dots that is
 * not itself a field is a path: objects on the way that become empty are removed, too.
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
