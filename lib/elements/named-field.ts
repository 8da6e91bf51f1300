/** Returns an own property of an element that is an object. */
export function ownField(input: unknown, name: string | undefined): unknown {
  if (name === undefined || typeof input !== 'object' || input === null || !Object.hasOwn(input, name))
    return undefined;
  return (input as Readonly<Record<string, unknown>>)[name];
}

/** Returns the value of a field that an option names, which may be below other fields. */
export function namedField(input: unknown, name: string): unknown {
  return fieldNamed(name)(input);
}

/**
 * Returns a function that reads the field that an option names. `meta.id` names a field below another, unless the element
 * has a field of exactly that name.
 */
export function fieldNamed(name: string): (input: unknown) => unknown {
  const path = name.split('.');
  return (input) => {
    const own = ownField(input, name);
    return own !== undefined || path.length === 1 ? own : path.reduce(ownField, input);
  };
}
