import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROGRAMS } from '../../lib/program-url.ts';
import { configLayout } from './asset-layout.ts';
import { buildModules, type EntryPoint } from './build-modules.ts';
import { ownModule } from '../own-modules.ts';

/** The user's own part of what runs bundles. */
export interface UserCode {
  /** Absolute. */
  readonly configPath: string;
  /** Absolute paths of what goes with the config: models, and files that its code reads. */
  readonly files: readonly string[];
}

/** The config module of what {@link bundleEngine} lays out, by its path there. */
export function configModule({ configPath, files }: UserCode): string {
  return `${configLayout(configPath, files).config}.mjs`;
}

/**
 * Lays out modules with an engine, the programs that it starts, and the user's config with its files.
 *
 * @param entries - those that start the engine.
 * @returns the native packages that are imported.
 */
export function bundleEngine(
  entries: readonly EntryPoint[],
  { configPath, files }: UserCode,
  outdir: string,
): ReadonlySet<string> {
  const layout = configLayout(configPath, files);
  const programs = PROGRAMS.map((name) => ({ name, path: ownModule(`lib/${name}`) }));
  const config = { name: layout.config, path: configPath };
  const natives = buildModules([...entries, ...programs, config], outdir, dirname(configPath));
  for (const [path, place] of layout.files) copyFile(path, join(outdir, place));
  return natives;
}

function copyFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, dereference: true });
}
