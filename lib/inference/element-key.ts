import type { KeySegment, PipelineInput } from '../config/fabric.ts';

/** Gives the key of an element, by its input. */
export type KeyOf = (input: unknown) => string | undefined;

/**
 * How the elements of one object get their keys.
 *
 * @param path - the object's key as `KeySegment` counts its segments; undefined for elements of no object.
 */
export function keyReader(key: PipelineInput['key'], path: string | undefined): KeyOf {
  if (typeof key !== 'object') return (input) => elementField(input, key);
  const segment = segmentOf(path, key);
  return () => segment;
}

/** A field of the element as it is shown: a string or a safe integer; anything else gives way. */
export function elementField(input: unknown, name: string | undefined): string | undefined {
  const value = ownField(input, name);
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

/** What an element that is an object has under this name of its own. */
export function ownField(input: unknown, name: string | undefined): unknown {
  if (name === undefined || typeof input !== 'object' || input === null || !Object.hasOwn(input, name))
    return undefined;
  return (input as Readonly<Record<string, unknown>>)[name];
}

/** A segment that is empty, as object keys elsewhere may have them, is none. */
function segmentOf(path: string | undefined, { segment }: KeySegment): string | undefined {
  return path?.split('/').at(segment) || undefined;
}
