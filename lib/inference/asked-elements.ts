import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import type { InferenceArgs } from '../models/model-handler.ts';
import type { WorkItem } from './work-item.ts';
import type { AskedElement } from './worker-protocol.ts';

/** Enough that two values of one element never have the same. */
const FINGERPRINT_DIGITS = 24;

/** An element as a remote model is asked for it. */
export function askedElement({ place }: WorkItem, value: unknown, args: InferenceArgs | undefined): AskedElement {
  const digest = createHash('sha256')
    .update(serialize([value, args]))
    .digest('hex');
  return { place, fingerprint: digest.slice(0, FINGERPRINT_DIGITS) };
}
