import { extname } from 'node:path';

/**
 * The URL of another module of this package, by its path from `base` without an extension: TypeScript where this runs
 * from source, JavaScript where it was compiled.
 */
export function siblingModule(name: string, base: string): URL {
  return new URL(`${name}${extname(new URL(base).pathname)}`, base);
}
