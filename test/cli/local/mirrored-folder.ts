import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';
import { Mirror } from '../../../cli/local/mirror.ts';
import { openFileObjectStore } from '../../../lib/stores/file-object-store.ts';

export interface Mirrored {
  readonly folder: string;
  /** The files there, with their contents. */
  readonly files: () => Promise<Readonly<Record<string, string>>>;
  readonly put: (key: string, text: string) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
  readonly errors: string[];
  /** Jobs and objects that are complete after an error. */
  readonly recovered: string[];
  readonly mirror: Mirror;
}

export async function mirrored(): Promise<Mirrored> {
  const root = await mkdtemp(join(tmpdir(), 'fabric-mirror-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const folder = join(root, 'results');
  const store = openFileObjectStore(join(root, 'buckets'));
  const errors: string[] = [];
  const onError = (key: string, error: Error): void => void errors.push(`${key}: ${error.message}`);
  const recovered: string[] = [];
  const onRecovered = (name: string): void => void recovered.push(name);
  const mirror = new Mirror({ store, bucket: 'output', folder, onError, onRecovered });
  return {
    folder,
    errors,
    recovered,
    mirror,
    files: () => contentsBelow(folder),
    async put(key, text) {
      await store.put({ bucket: 'output', key }, text);
      mirror.objectChanged({ bucket: 'output', key });
      await mirror.settled();
    },
    async remove(key) {
      await store.delete({ bucket: 'output', key });
      mirror.objectChanged({ bucket: 'output', key });
      await mirror.settled();
    },
  };
}

export async function contentsBelow(folder: string): Promise<Readonly<Record<string, string>>> {
  const contents: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) contents[relative(folder, path)] = await readFile(path, 'utf8');
  }
  return contents;
}
