import type { ObjectsMessage } from '../../elements/messages.ts';
import type { ObjectInfo, ObjectStore, StoreOptions } from '../../stores/object-store.ts';

/** The version of an object that an answer is about, as far as it is known. */
export interface ObjectVersion {
  readonly versionId?: string | undefined;
  readonly etag?: string | undefined;
  /** The event's: hexadecimal digits that grow with the events of one object key. */
  readonly sequencer?: string | undefined;
  /** In milliseconds since 1970; unknown for a version that is gone. */
  readonly lastModified?: number | undefined;
  /** True if its key held it when it was looked up. */
  readonly isCurrent: boolean;
}

/** Finds out what can be known of the version that a message names. */
export async function lookAtVersion(
  { bucket, key, versionId, etag, sequencer }: ObjectsMessage['objects'][number],
  store: ObjectStore,
  options: StoreOptions,
): Promise<ObjectVersion> {
  const isIt = (info: ObjectInfo | undefined): boolean =>
    info !== undefined &&
    (etag === undefined || info.etag === etag) &&
    (versionId === undefined || info.versionId === undefined || info.versionId === versionId);
  const current = await store.head({ bucket, key }, options);
  const isCurrent = isIt(current);
  const own = isCurrent || versionId === undefined ? current : await store.head({ bucket, key, versionId }, options);
  const lastModified = isIt(own) ? own?.lastModified.getTime() : undefined;
  return { versionId, etag, sequencer, lastModified, isCurrent };
}

/** The version as an answer's metadata, which takes ASCII only. */
export function versionMetadata({ versionId, etag, sequencer, lastModified }: ObjectVersion): Record<string, string> {
  const fields = { 'version-id': versionId, etag, sequencer, 'last-modified': lastModified };
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([name, value]) => [name, encodeURIComponent(String(value))]));
}

/**
 * True if a version is newer than the answered one: by the events' sequencers, else by the times of writing. Of two
 * that were written in the same second, the one that the key holds is newer. A version that is gone and has no
 * sequencer is not newer than any.
 */
export function isNewer(version: ObjectVersion, answered: ObjectInfo['metadata']): boolean {
  const there = (name: string): string | undefined => {
    const value = answered[name];
    return value === undefined ? undefined : decodeURIComponent(value);
  };
  const { etag, versionId } = version;
  // In a bucket without versions, an object that was put again with the same content is answered already.
  const isKnown = etag !== undefined || versionId !== undefined;
  if (isKnown && there('etag') === etag && there('version-id') === versionId) return false;
  const sequencer = there('sequencer');
  if (sequencer !== undefined && version.sequencer !== undefined) return isLater(version.sequencer, sequencer);
  const { lastModified, isCurrent } = version;
  const answeredModified = Number(there('last-modified') ?? -Infinity);
  if (lastModified === undefined || lastModified < answeredModified) return false;
  return lastModified > answeredModified || isCurrent;
}

/** Sequencers differ in length: AWS has the shorter one filled with zeros on its right. */
function isLater(one: string, other: string): boolean {
  const digits = Math.max(one.length, other.length);
  return one.padEnd(digits, '0').toUpperCase() > other.padEnd(digits, '0').toUpperCase();
}
