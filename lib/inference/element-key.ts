import type { KeySegment, PipelineInput } from '../config/pipeline.ts';
import { fieldNamed } from '../elements/named-field.ts';

/** Returns a field of an element as text, from the element's input and from its JSON text, if it has one. */
export type FieldOf = (input: unknown, raw?: string) => string | undefined;

/** Returns the key of an element. */
export type KeyOf = FieldOf;

/**
 * How the elements of one object get their keys.
 *
 * @param path - the object's key as `KeySegment` counts its segments; undefined for elements of no object.
 */
export function keyReader(key: PipelineInput['key'], path: string | undefined): KeyOf {
  if (typeof key !== 'object') return fieldReader(key);
  const segment = segmentOf(path, key);
  return () => segment;
}

/**
 * Returns a function that reads a field as text: a string, an integer, or an integer past 2^53 by the digits of its
 * JSON text, which the number has lost. Any other value counts as no field. The field may be below another.
 */
export function fieldReader(name: string | undefined): FieldOf {
  if (name === undefined) return () => undefined;
  const fieldOf = fieldNamed(name);
  return (input, raw) => {
    const value = fieldOf(input);
    if (typeof value === 'string') return value;
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'number') return undefined;
    if (Number.isSafeInteger(value)) return String(value);
    if (raw === undefined || !Number.isInteger(value)) return undefined;
    const exact = fieldOf(JSON.parse(raw, keepDigits));
    return exact instanceof Digits ? exact.text : undefined;
  };
}

/** An integer that a number cannot hold. */
class Digits {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Parses integers past 2^53 as the digits that they are written with. */
function keepDigits(_name: string, value: unknown, { source = '' }: { readonly source?: string } = {}): unknown {
  const isLossy = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
  return isLossy ? new Digits(source) : value;
}

/** Returns a segment of a path. An empty segment, which object keys elsewhere can have, is not a key. */
function segmentOf(path: string | undefined, { segment }: KeySegment): string | undefined {
  return path?.split('/').at(segment) || undefined;
}
