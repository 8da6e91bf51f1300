import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ILocalBundling } from 'aws-cdk-lib';
import type { Architecture } from '../../lib/config/compute.ts';
import { ownModule } from '../own-modules.ts';
import { makeReadable } from './make-readable.ts';
import { bundleEngine, configModule, type UserCode } from './engine-bundling.ts';
import { copyOnnxruntime, copySharp } from './native-packages.ts';

/** Properties of a ProcessorBundling. */
export interface ProcessorBundlingProps extends UserCode {
  /** Architecture of the function. */
  readonly architecture: Architecture;
}

/** Lambda's limit on unzipped code. */
const MAX_ASSET_BYTES = 250 * 1024 * 1024;

/** Bundles the code of a pipeline's function: the engine, the user's config with its models, and onnxruntime. */
export class ProcessorBundling implements ILocalBundling {
  // Public, because CDK compares bundlings by their public properties.
  readonly props: ProcessorBundlingProps;

  constructor(props: ProcessorBundlingProps) {
    this.props = props;
  }

  /** Path of the config module in the asset. */
  get configModule(): string {
    return configModule(this.props);
  }

  tryBundle(outputDir: string): boolean {
    const processor = { name: 'processor', path: ownModule('functions/processor/index') };
    const natives = bundleEngine([processor], this.props, outputDir);
    const modules = join(outputDir, 'node_modules');
    copyOnnxruntime(this.props.architecture, modules);
    if (natives.has('sharp')) copySharp(this.props.architecture, modules);
    makeReadable(outputDir);
    checkSize(outputDir);
    return true;
  }
}

function checkSize(folder: string): void {
  const bytes = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => statSync(join(folder, path)))
    .filter((stats) => stats.isFile())
    .reduce((sum, { size }) => sum + size, 0);
  if (bytes <= MAX_ASSET_BYTES) return;
  throw new Error(
    `the code of a function, with its models, must be at most ${MAX_ASSET_BYTES} bytes: it is ${bytes}. Put large models in S3: modelUri: 's3://…'`,
  );
}
