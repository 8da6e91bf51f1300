import { chmodSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const READABLE_BY_ALL = 0o444;
const ENTERED_BY_ALL = 0o555;

/**
 * Lets every user read the files of a folder and enter its folders. File modes are part of the deployed asset, and a
 * function runs as another user than the one that built it, whose umask may allow only that user to read them.
 */
export function makeReadable(folder: string): void {
  allow(folder, ENTERED_BY_ALL);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    allow(join(entry.parentPath, entry.name), entry.isDirectory() ? ENTERED_BY_ALL : READABLE_BY_ALL);
  }
}

function allow(path: string, bits: number): void {
  const { mode } = statSync(path);
  if ((mode & bits) !== bits) chmodSync(path, (mode & 0o777) | bits);
}
