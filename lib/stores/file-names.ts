import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { OWNER_TAG, ownerTag } from './owner-tag.ts';

/** Limit of Linux and macOS on the name of a file or folder, in bytes. */
const MAX_NAME_BYTES = 255;
const DIGEST_DIGITS = 16;
/** Suffix that is kept when the name in front of it is cut. */
const SUFFIX = /\.[A-Za-z0-9]{1,12}$/;

/** Returns the path of a key below a folder; a segment that is too long for a file system is cut, and ends in its digest. */
export function pathOfKey(folder: string, key: string): string {
  return join(folder, ...key.split('/').map((segment) => fittingName(segment)));
}

/**
 * Returns the name unchanged if it has at most `maxBytes` bytes. Otherwise returns its beginning, a digest of the whole
 * name and its suffix, so that different names stay different.
 */
export function fittingName(name: string, maxBytes = MAX_NAME_BYTES): string {
  if (Buffer.byteLength(name) <= maxBytes) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_DIGITS);
  const end = `~${digest}${SUFFIX.exec(name)?.[0] ?? ''}`;
  return firstBytes(name, maxBytes - Buffer.byteLength(end)) + end;
}

/** End of the name of a file until it is complete: the tag of the writing process. */
export const TEMPORARY_SUFFIX = new RegExp(String.raw`\.${OWNER_TAG}\.tmp$`);

/** Returns the name of a file until it is complete: its name, cut if too long, and the tag of the writing process. */
export function temporaryName(name: string): string {
  const end = `.${ownerTag()}.tmp`;
  return fittingName(name, MAX_NAME_BYTES - end.length) + end;
}

/** Returns the longest beginning that fits, in whole characters. */
function firstBytes(text: string, maxBytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}
