import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../errors.ts';
import { acceptEsmSyntax } from './esm-syntax.ts';
import { type Fabric, isFabric } from './fabric.ts';
import type { Pipeline } from './pipeline.ts';
import { pipelineModels } from './pipeline-models.ts';

/**
 * Imports a config module and takes its default export. Relative paths in it are resolved against the module's folder.
 *
 * @throws ConfigError where there is no such file, it can't be imported, or it exports no fabric.
 */
export async function loadConfig(url: URL): Promise<Fabric> {
  const path = fileURLToPath(url);
  try {
    await access(path);
  } catch (error) {
    throw new ConfigError(`there is no config file ${path}`, { cause: error });
  }
  const fabric = await importFabric(url, path);
  for (const pipeline of Object.values(fabric.pipelines)) {
    for (const { handler } of pipelineModels(pipeline)) handler.resolvePaths(url);
  }
  return fabric;
}

async function importFabric(url: URL, path: string): Promise<Fabric> {
  let module: { readonly default?: unknown };
  try {
    acceptEsmSyntax(url);
    module = (await import(url.href)) as { readonly default?: unknown };
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`${path}:\n${error.message}`, { cause: error });
    // Imported late: every host reads the config, and Node's `util` opens standard error, which makes it non-blocking.
    const { importFailure } = await import('./import-failure.ts');
    throw new ConfigError(`${path} can't be imported: ${await importFailure(error, path)}`, { cause: error });
  }
  if (isFabric(module.default)) return module.default;
  throw new ConfigError(`${path} must export a fabric by default: export default defineFabric({ … })`);
}

/** @throws ConfigError that names the pipelines there are. */
export function pipelineNamed(fabric: Fabric, name: string): Pipeline {
  const pipeline = Object.hasOwn(fabric.pipelines, name) ? fabric.pipelines[name] : undefined;
  if (pipeline !== undefined) return pipeline;
  throw new ConfigError(`there is no pipeline '${name}': the config has ${Object.keys(fabric.pipelines).join(', ')}`);
}
