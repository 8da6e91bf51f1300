import { findPackageJSON } from 'node:module';
import { dirname, extname, join } from 'node:path';

/** Where this runs from source, so does what it starts and bundles. */
const isSource = extname(import.meta.url) === '.ts';
const root = dirname(findPackageJSON(import.meta.url) ?? '.');

/** How this package's own modules find one another by its name: from source, or as modules that are not bundled. */
export const OWN_CONDITION = isSource ? '@inference-fabric/source' : '@inference-fabric/modules';

/** Returns the path of a module of this package, to start or to bundle it, by its path in the sources without an extension. */
export function ownModule(path: string): string {
  return isSource ? join(root, `${path}.ts`) : join(root, 'dist/modules', `${path}.js`);
}

/** Returns the path of another file of this package, by its path from the package's root. */
export function ownFile(path: string): string {
  return join(root, path);
}
