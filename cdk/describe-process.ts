import { existsSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Fabric } from '../lib/config/fabric.ts';
import type { Pipeline } from '../lib/config/pipeline.ts';
import { loadConfig } from '../lib/config/load-config.ts';
import { pipelineFacts } from '../lib/config/pipeline-facts.ts';
import { pipelineModels } from '../lib/config/pipeline-models.ts';
import { ConfigError, ModelLoadError } from '../lib/errors.ts';
import { externalLocations } from '../lib/models/external-data.ts';
import type { FileSelection } from '../lib/models/folder-files.ts';
import type { ModelHandler } from '../lib/models/model-handler.ts';
import { targetOfPointer } from '../lib/models/model-pointer.ts';
import { isPointer } from '../lib/models/pointer-uri.ts';
import { isRemote } from '../lib/remote/remote-model-handler.ts';
import { isS3Uri } from '../lib/stores/open-source.ts';
import type { DescribedEndpoints, DescribedPipeline, Description, FabricDescription } from './fabric-description.ts';

// A separate process that imports the config module, its argument, and writes its data as JSON to a descriptor that the parent
// reads: synthesis is synchronous, and can run under any loader of TypeScript.

/** Descriptor of the description. */
const DESCRIPTION = 3;

const [configPath = ''] = process.argv.slice(2);
writeSync(DESCRIPTION, JSON.stringify(await describe(configPath)));

async function describe(path: string): Promise<Description> {
  try {
    return { fabric: describeFabric(await loadConfig(pathToFileURL(path)), path) };
  } catch (error) {
    if (error instanceof ConfigError || error instanceof ModelLoadError) return { refused: error.message };
    throw error;
  }
}

function describeFabric(fabric: Fabric, path: string): FabricDescription {
  const facts = pipelineFacts(fabric);
  const pipelines = Object.entries(fabric.pipelines).map(([name, pipeline]) => describePipeline(name, pipeline, path));
  return { configPath: path, facts, pipelines };
}

function describePipeline(name: string, pipeline: Pipeline, path: string): DescribedPipeline {
  const handlers = pipelineModels(pipeline).map(({ handler }) => handler);
  const waits = handlers.flatMap(({ options }) => options.maxBatchDurationSecs ?? []);
  const models = handlers.flatMap(({ modelFiles }) => modelFiles ?? []);
  const own = models
    .filter(({ modelUri }) => !isS3Uri(modelUri))
    .map(({ modelUri, select }) => ({ uri: modelFile(modelUri, name, path), select }));
  const targets = own
    .filter(({ uri }) => isPointer(uri))
    .map(({ uri, select }) => ({ uri: targetOfPointer(readFileSync(uri, 'utf8'), uri), select }));
  const files = [...own, ...targets.filter(({ uri }) => !isS3Uri(uri))].flatMap(filesOf);
  const uris = [...models.map(({ modelUri }) => modelUri), ...targets.map(({ uri }) => uri)];
  const objects = uris.filter(isS3Uri).map(readableObjects);
  return {
    name,
    compute: pipeline.compute,
    manifests: pipeline.input.manifests ?? 'own-prefix',
    ...(waits.length === 0 ? {} : { maxBatchDurationSecs: Math.min(...waits) }),
    modelFiles: [...new Set(files.flatMap(withExternalData))].toSorted(),
    modelObjects: [...new Set(objects)].toSorted(),
    ...describeEndpoints(handlers),
  };
}

function describeEndpoints(handlers: readonly ModelHandler[]): { readonly endpoints?: DescribedEndpoints } {
  const remote = handlers.filter(isRemote);
  if (remote.length === 0) return {};
  const endpoints = {
    permissions: distinct(remote.flatMap(({ permissions }) => permissions)),
    secrets: distinct(remote.flatMap(({ secretReferences }) => secretReferences)),
  };
  return { endpoints };
}

/** Returns plain values without duplicates, as models of one endpoint have the same requirements. */
function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

/** Returns the objects to read for a model in S3. A pointer can name any object in its folder. */
function readableObjects(uri: string): string {
  if (uri.endsWith('/')) return `${uri}*`;
  return isPointer(uri) ? `${uri.slice(0, uri.lastIndexOf('/'))}/*` : uri;
}

/** Returns the path of a model that is deployed with the code, at the same place relative to the config. */
function modelFile(uri: string, pipeline: string, configPath: string): string {
  if (isAbsolute(uri)) {
    throw new ConfigError(
      `pipelines.${pipeline}: 'modelUri' must be relative to the config file, or s3://…, to be deployed: current value is '${uri}'`,
    );
  }
  const path = uri.startsWith('file:') ? fileURLToPath(uri) : resolve(dirname(configPath), uri);
  if (!existsSync(path)) throw new ConfigError(`pipelines.${pipeline}: there is no model file ${path}`);
  return path;
}

interface LocalModel {
  readonly uri: string;
  readonly select: FileSelection | undefined;
}

/** Returns the path of a model file, or of the files in a model folder that are the model's. */
function filesOf({ uri: path, select }: LocalModel): readonly string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).filter((file) => statSync(file).isFile());
  if (select === undefined) return paths;
  const names = paths.map((file) => relative(path, file).split(sep).join('/'));
  return select(names.toSorted(), path).map((name) => join(path, name));
}

function withExternalData(path: string): readonly string[] {
  const data = path.endsWith('.onnx') ? externalLocations(readFileSync(path)) : [];
  return [path, ...data.map((location) => join(dirname(path), location))];
}
