import type { InferenceArgs } from '../../models/model-handler.ts';

/** Stands between arguments and the rest of a batch key, where no shape or user's key has it. */
const SEPARATOR = '\u0000';

/** Returns the batch key of an element with its own arguments: only elements with the same arguments share a batch. */
export function argsKey(args: InferenceArgs, key: string): string {
  return `${canonicalJson(args)}${SEPARATOR}${key}`;
}

/** JSON with the names of each object in order. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}
