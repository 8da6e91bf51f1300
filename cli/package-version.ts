import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** Returns the version of the package that a module belongs to. The module can be a source, or a build in `dist`. */
export function packageVersion(module: string | URL = import.meta.url): string {
  const manifest = findPackageJSON(module);
  if (manifest === undefined) throw new Error(`Cannot find the package.json above ${String(module)}`);
  // The file of this package.
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string };
  return version;
}
