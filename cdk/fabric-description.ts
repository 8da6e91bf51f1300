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

/** What the handlers of a pipeline's remote models need in AWS, each thing once. */
export interface DescribedEndpoints {
  readonly permissions: readonly EndpointPermission[];
  readonly secrets: readonly SecretReference[];
}

/** What of a pipeline decides what is deployed for it. */
export interface DescribedPipeline {
  readonly name: string;
  readonly compute: Compute;
  /** The objects of the input buckets that its manifests can name. */
  readonly manifests: ManifestScope;
  /** The shortest of its handlers; absent where batches come from one bundle. */
  readonly maxBatchDurationSecs?: number;
  /** Absolute paths of the models that go with the code, and of their external data. */
  readonly modelFiles: readonly string[];
  /** `s3://…` addresses of the models that are fetched; those that a pointer may point to end in `/*`. */
  readonly modelObjects: readonly string[];
  /** Absent where it has no remote model. One that has some is governed. */
  readonly endpoints?: DescribedEndpoints;
}

/** A configuration as data. */
export interface FabricDescription {
  /** Absolute. */
  readonly configPath: string;
  readonly facts: Readonly<Record<string, PipelineFacts>>;
  readonly pipelines: readonly DescribedPipeline[];
}

/** What the process that reads the configuration answers. */
export type Description = { readonly fabric: FabricDescription } | { readonly refused: string };

const MAX_DESCRIPTION_BYTES = 64 * 1024 * 1024;

/**
 * Reads a config module, in a process of its own: that works at once, as a construct needs it, and whatever loads the
 * app's TypeScript. What the module prints goes to stderr.
 *
 * @throws ConfigError where it can't be imported or breaks a rule.
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
    throw new ConfigError(`${path} can't be read: its process ended with status ${status}`);
  const description = JSON.parse(text) as Description;
  if ('refused' in description) throw new ConfigError(description.refused);
  return description.fabric;
}
