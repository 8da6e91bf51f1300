import { createHash } from 'node:crypto';
import type { Pipeline } from './fabric.ts';

/** SHA-256 of a pipeline: its data, its handlers' options and the source of its functions. */
export function configDigest(pipeline: Pipeline): string {
  return createHash('sha256').update(JSON.stringify(pipeline, describe)).digest('hex');
}

function describe(_key: string, value: unknown): unknown {
  if (typeof value === 'function') return value.toString();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { name } = value.constructor;
  return name === 'Object' ? value : { class: name, ...value };
}
