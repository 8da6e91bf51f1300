import type { ObjectStore } from '../../../lib/stores/object-store.ts';

/** A store in which something happens once, before a call about such a key. */
export function interrupted(
  store: ObjectStore,
  [operation, pattern]: readonly ['put' | 'copy' | 'delete', RegExp],
  work: () => void | Promise<void>,
): ObjectStore {
  let isOver = false;
  const check = async (called: string, key: string): Promise<void> => {
    if (isOver || called !== operation || !pattern.test(key)) return;
    isOver = true;
    await work();
  };
  return {
    get: (...args) => store.get(...args),
    head: (...args) => store.head(...args),
    list: (...args) => store.list(...args),
    put: async (...args) => {
      await check('put', args[0].key);
      return store.put(...args);
    },
    copy: async (...args) => {
      await check('copy', args[1].key);
      return store.copy(...args);
    },
    delete: async (...args) => {
      await check('delete', args[0].key);
      return store.delete(...args);
    },
  };
}
