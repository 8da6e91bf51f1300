import { extname } from 'node:path';

/**
 * The URL of another module in the folder of `base`, to start as a thread or a process: as TypeScript where this runs
 * from source, as JavaScript where it was compiled. A bundler has to keep such modules beside those that start them.
 */
export function siblingModule(name: string, base: string): URL {
  return new URL(`${name}${extname(new URL(base).pathname)}`, base);
}
