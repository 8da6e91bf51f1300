import { createHash } from 'node:crypto';
import type { Pipeline } from './pipeline.ts';

const digests = new WeakMap<Pipeline, string>();

/**
 * SHA-256 of what decides a pipeline's lines: its data, its handlers' options and the source of its functions. Limits that
 * only decide which objects are accepted are left out, so that a job goes on after they are raised.
 */
export function configDigest(pipeline: Pipeline): string {
  const digest = digests.get(pipeline) ?? digestOf(pipeline);
  digests.set(pipeline, digest);
  return digest;
}

function digestOf({ input, steps, output }: Pipeline): string {
  const { maxUncompressedBytes: _bytes, maxElements: _elements, maxColumns: _columns, ...reading } = input;
  return createHash('sha256')
    .update(JSON.stringify({ input: reading, steps, output }, describe))
    .digest('hex');
}

function describe(_key: string, value: unknown): unknown {
  if (typeof value === 'function') return value.toString();
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (value instanceof Map || value instanceof Set) return { class: value.constructor.name, items: [...value] };
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? value : { class: value.constructor.name, ...value };
}
