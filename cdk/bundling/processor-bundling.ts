import { cpSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ILocalBundling } from 'aws-cdk-lib';
import type { Architecture } from '../../lib/config/compute.ts';
import { configLayout } from './asset-layout.ts';
import { buildModules, ownModule } from './build-modules.ts';
import { copyOnnxruntime, copySharp } from './native-packages.ts';

export interface ProcessorBundlingProps {
  /** Absolute. */
  readonly configPath: string;
  readonly architecture: Architecture;
  /** Absolute paths of what goes with the config: models, and files that its code reads. */
  readonly files: readonly string[];
}

/** What Lambda takes, unzipped. */
const MAX_ASSET_BYTES = 250 * 1024 * 1024;

/** Programs that the engine starts by their names, from beside its own module. */
const PROGRAMS = [
  'lib/inference/worker-thread',
  'lib/inference/worker-process',
  'lib/hosts/host-process',
  'lib/hosts/parent-watch',
];

/** The code of a pipeline's function: the engine, the user's config with its models, and onnxruntime for its platform. */
export class ProcessorBundling implements ILocalBundling {
  // Public, because CDK takes two bundlings for the same where what it sees of them is.
  readonly props: ProcessorBundlingProps;

  constructor(props: ProcessorBundlingProps) {
    this.props = props;
  }

  /** The config module in the asset. */
  get configModule(): string {
    return `${this.#layout.config}.mjs`;
  }

  tryBundle(outputDir: string): boolean {
    const { configPath, architecture } = this.props;
    const { config, files } = this.#layout;
    const programs = PROGRAMS.map((path) => ({ name: path.slice(path.lastIndexOf('/') + 1), path: ownModule(path) }));
    const processor = { name: 'processor', path: ownModule('functions/processor/index') };
    const entries = [processor, ...programs, { name: config, path: configPath }];
    const natives = buildModules(entries, outputDir, dirname(configPath));
    const modules = join(outputDir, 'node_modules');
    copyOnnxruntime(architecture, modules);
    if (natives.has('sharp')) copySharp(architecture, modules);
    for (const [path, place] of files) copyFile(path, join(outputDir, place));
    checkSize(outputDir);
    return true;
  }

  get #layout(): ReturnType<typeof configLayout> {
    return configLayout(this.props.configPath, this.props.files);
  }
}

function copyFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, dereference: true });
}

function checkSize(folder: string): void {
  const bytes = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => statSync(join(folder, path)))
    .filter((stats) => stats.isFile())
    .reduce((sum, { size }) => sum + size, 0);
  if (bytes <= MAX_ASSET_BYTES) return;
  throw new Error(
    `the function's code must be at most ${MAX_ASSET_BYTES} bytes with its models: it is ${bytes}. Put large models in S3: modelUri: 's3://…'`,
  );
}
