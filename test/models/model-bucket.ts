import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll } from 'vitest';
import { ModelStore } from '../../lib/models/model-store.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export interface Watched {
  readonly objects: ObjectStore;
  /** The keys that were read, in order. */
  readonly reads: string[];
}

/** The bucket `models` of an embedded S3 that the tests of a file share. */
export class ModelBucket {
  #aws: TestAws | undefined;

  /** For the top level of a file. */
  constructor() {
    beforeAll(async () => {
      this.#aws = await startTestAws();
      await this.#aws.createBucket('models');
    });
    afterAll(() => this.#aws?.[Symbol.asyncDispose]());
  }

  get store(): ObjectStore {
    if (this.#aws === undefined) throw new TypeError('there is no bucket before the first test');
    return this.#aws.store;
  }

  /** @returns the model's URI */
  async put(key: string, content: string | Uint8Array): Promise<string> {
    await this.store.put({ bucket: 'models', key }, content);
    return `s3://models/${key}`;
  }

  /** A store that counts what is read of it, and may do something else. */
  watched(changes: Partial<ObjectStore> = {}): Watched {
    const reads: string[] = [];
    const { store } = this;
    const objects: ObjectStore = {
      head: (address, options) => store.head(address, options),
      get: (address, options) => {
        reads.push(address.key);
        return (changes.get ?? store.get.bind(store))(address, options);
      },
      put: (...args) => store.put(...args),
      copy: (...args) => store.copy(...args),
      delete: (...args) => store.delete(...args),
      list: (...args) => store.list(...args),
      ...(changes.head === undefined ? {} : { head: changes.head }),
    };
    return { objects, reads };
  }

  async openStore(
    watch: Watched = this.watched(),
    maxBytes?: number,
  ): Promise<{ store: ModelStore; folder: string; reads: string[] }> {
    const folder = await temporaryFolder();
    return { store: this.anotherOn(folder, watch, maxBytes), folder, reads: watch.reads };
  }

  /** Another process's, as it were: it knows nothing of what the first has done. */
  anotherOn(folder: string, watch: Watched = this.watched(), maxBytes?: number): ModelStore {
    return new ModelStore({ objects: watch.objects, folder, ...(maxBytes === undefined ? {} : { maxBytes }) });
  }
}

/** The model files in a cache, in no order. */
export async function cached(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const models = files.filter((file) => file.isFile() && file.parentPath.split('/').includes('model'));
  return models.map(({ name }) => name);
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The same bytes but for one. */
export function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => (index === 1 ? byte ^ 1 : byte));
}
