import type { ObjectAddress, ObjectStore } from './object-store.ts';

/** Returns a store whose keys are below a prefix of each bucket; the prefix ends in '/' or is empty. */
export function prefixedStore(store: ObjectStore, prefix: string): ObjectStore {
  const below = (address: ObjectAddress): ObjectAddress => ({ ...address, key: prefix + address.key });
  return {
    head: (address, options) => store.head(below(address), options),
    get: (address, options) => store.get(below(address), options),
    put: (address, body, options) => store.put(below(address), body, options),
    copy: (from, to, options) => store.copy(below(from), below(to), options),
    delete: (address, options) => store.delete(below(address), options),
    async *list(bucket, start, options) {
      for await (const object of store.list(bucket, prefix + start, options))
        yield { ...object, key: object.key.slice(prefix.length) };
    },
  };
}
