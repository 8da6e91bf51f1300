import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Compute } from '../lib/config/compute.ts';
import type { ManifestScope } from '../lib/config/pipeline.ts';
import type { PipelineFacts } from '../lib/config/pipeline-facts.ts';
import { ConfigError } from '../lib/errors.ts';
import { inheritedFlags } from '../lib/hosts/inherited-flags.ts';
import type { EndpointPermission } from '../lib/remote/remote-model-handler.ts';
import type { SecretReference } from '../lib/remote/secrets/secret-reference.ts';
import { OWN_CONDITION, ownModule } from './own-modules.ts';

/** Permissions and secrets that the remote models of a pipeline need, without duplicates. */
export interface DescribedEndpoints {
  /** Permissions to call endpoints. */
  readonly permissions: readonly EndpointPermission[];
  /** Secrets that handlers read. */
  readonly secrets: readonly SecretReference[];
}

/** The part of a pipeline's configuration that determines its resources. */
export interface DescribedPipeline {
  /** Name of the pipeline. */
  readonly name: string;
  /** Where the pipeline runs. */
  readonly compute: Compute;
  /** Objects of the input buckets that its manifests can name. */
  readonly manifests: ManifestScope;
  /** Minimum over its handlers. @default - batches come from one bundle */
  readonly maxBatchDurationSecs?: number;
  /** Absolute paths of models that are deployed with the code, and of their external data. */
  readonly modelFiles: readonly string[];
  /** `s3://…` URIs of models that are fetched; folders of models that pointers can name end in `/*`. */
  readonly modelObjects: readonly string[];
  /** Requirements of its remote models; a pipeline with remote models has a governor. @default - no remote model */
  readonly endpoints?: DescribedEndpoints;
}

/** A configuration as data. */
export interface FabricDescription {
  /** Absolute path of the config module. */
  readonly configPath: string;
  /** Facts for intake and the finalizer, by pipeline. */
  readonly facts: Readonly<Record<string, PipelineFacts>>;
  /** Pipelines in the order of the configuration. */
  readonly pipelines: readonly DescribedPipeline[];
}

/** Output of the process that reads the configuration. */
export type Description = { readonly fabric: FabricDescription } | { readonly refused: string };

const MAX_DESCRIPTION_BYTES = 64 * 1024 * 1024;

/**
 * Reads a config module in a separate process, which works synchronously, as constructs require, and under any loader of
 * TypeScript. The output of the module goes to stderr.
 *
 * @throws ConfigError if the module can't be imported or breaks a rule
 */
export function describeFabric(configPath: string): FabricDescription {
  const path = resolve(configPath);
  const args = [...inheritedFlags(), '-C', OWN_CONDITION, ownModule('cdk/describe-process'), path];
  const { status, output, error } = spawnSync(process.execPath, args, {
    stdio: ['ignore', 2, 2, 'pipe'],
    maxBuffer: MAX_DESCRIPTION_BYTES,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  const text = output[3] ?? '';
  if (status !== 0 || text === '')
    throw new ConfigError(`cannot read ${path}: the process that imports it exited with status ${status}`);
  const description = JSON.parse(text) as Description;
  if ('refused' in description) throw new ConfigError(description.refused);
  return description.fabric;
}
