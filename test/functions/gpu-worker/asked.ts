import { existsSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';

/** Who has asked a model of the fixtures for which element, in order. */
export function askedIn(folder: string): { readonly worker: number; readonly n: number }[] {
  const path = join(folder, 'asked');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  return lines.map((line) => {
    const [worker, n] = line.split(' ').map(Number);
    return { worker: worker ?? -1, n: n ?? -1 };
  });
}

/** Resolves when elements have been asked for so many times. */
export async function asked(folder: string, times: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(folder, () => {
    if (askedIn(folder).length >= times) resolve();
  });
  if (askedIn(folder).length >= times) resolve();
  await promise;
  watcher.close();
}
