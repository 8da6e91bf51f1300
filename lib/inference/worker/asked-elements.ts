import { hash } from 'node:crypto';
import { serialize } from 'node:v8';
import { withinStack } from '../../elements/nesting.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import type { WorkItem } from './work-item.ts';
import type { AskedElement } from '../worker-protocol.ts';

/** Enough that two values of one element never have the same. */
const FINGERPRINT_DIGITS = 24;

/** An element as a remote model is asked for it. */
export function askedElement({ place }: WorkItem, value: unknown, args: InferenceArgs | undefined): AskedElement {
  return { place, fingerprint: fingerprintOf([value, args]) };
}

/** A digest of a value: the same in every process, and another for any other value. */
export function fingerprintOf(value: unknown): string {
  return hash('sha256', textOrBytes(value)).slice(0, FINGERPRINT_DIGITS);
}

function textOrBytes(value: unknown): string | Uint8Array {
  try {
    return textOf(value);
  } catch {
    // It refers to itself, or is nested too deeply.
    return withinStack(() => serialize(value));
  }
}

/**
 * Returns the content that structured clone would carry, as text. Its bytes would be different for equal values: for a
 * string that was cut out of a wider one, or an array that once held a fraction.
 */
function textOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? 'null' : textOfObject(value);
    default:
      return String(value);
  }
}

function textOfObject(value: object): string {
  if (Array.isArray(value))
    return isNumbers(value) ? `[${bytesDigest(Float64Array.from(value))}]` : `[${textsOf(value)}]`;
  if (ArrayBuffer.isView(value)) return `${Object.prototype.toString.call(value)}(${bytesDigest(value)})`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer(${bytesDigest(new Uint8Array(value))})`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Map || value instanceof Set) return `${value.constructor.name}(${textsOf([...value])})`;
  return `{${textsOf(Object.entries(value))}}`;
}

function textsOf(values: readonly unknown[]): string {
  return Array.from(values, textOf).join(',');
}

function isNumbers(values: readonly unknown[]): values is readonly number[] {
  return values.length > 0 && values.every((value) => typeof value === 'number');
}

function bytesDigest({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return hash('sha256', new Uint8Array(buffer, byteOffset, byteLength));
}
