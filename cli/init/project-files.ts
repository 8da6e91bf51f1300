import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { codeOf } from '../../lib/stores/system-errors.ts';
import { packageVersion } from '../package-version.ts';
import { configSource } from './config-source.ts';
import type { NewProject } from './new-project.ts';

/** A file to write, relative to the project. */
export interface ProjectFile {
  readonly path: string;
  readonly content: string;
  /** True if it changes an existing file without removing anything from it. */
  readonly isAddition?: boolean;
}

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2024',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
  },
  include: ['*.ts', '*.mts'],
};

/** Its script downloads CUDA's libraries on Linux x64, which only GPUs need, and fails without access to nuget.org. */
const SKIPPED_SCRIPTS = { 'onnxruntime-node': false };

const CDK_APP = `import { App, Stack } from 'aws-cdk-lib';
import { InferenceFabric } from 'inference-fabric/cdk';

const app = new App();
const stack = new Stack(app, 'STACK');

new InferenceFabric(stack, 'Fabric', { configPath: 'fabric.config.ts' });
`;

/**
 * Returns the files of a project. A `tsconfig.json` that exists is left as it is, and `package.json` gets scripts and
 * the setting of the install that it does not have.
 */
export async function projectFiles(
  project: NewProject,
  { folder, cdk }: { readonly folder: string; readonly cdk: boolean },
): Promise<readonly ProjectFile[]> {
  const hasTsconfig = (await readText(join(folder, 'tsconfig.json'))) !== undefined;
  return [
    { path: 'fabric.config.ts', content: configSource(project) },
    { path: project.samplePath, content: project.sample },
    ...(hasTsconfig ? [] : [{ path: 'tsconfig.json', content: json(TSCONFIG) }]),
    await packageFile(project, folder),
    ...(cdk ? cdkFiles(project) : []),
  ];
}

function cdkFiles({ name }: NewProject): readonly ProjectFile[] {
  const stack = name.replaceAll(/(?:^|-)([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
  return [
    { path: 'cdk-app.mts', content: CDK_APP.replace('STACK', /^[A-Z]/.test(stack) ? stack : `Fabric${stack}`) },
    { path: 'cdk.json', content: json({ app: 'node cdk-app.mts', output: 'cdk.out' }) },
  ];
}

/** Returns `package.json` with scripts that run the pipeline. A new one depends on this package. */
async function packageFile({ name, samplePath }: NewProject, folder: string): Promise<ProjectFile> {
  const path = 'package.json';
  const scripts = {
    try: `fabric run ${name} ${samplePath} --dry-run`,
    predict: `fabric run ${name} ${samplePath} --output out --overwrite`,
  };
  const text = await readText(join(folder, path));
  if (text === undefined) {
    const packageName = basename(folder)
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replace(/^[._-]+/, '');
    const dependencies = { 'inference-fabric': packageVersion() };
    return {
      path,
      content: json({
        name: packageName || name,
        private: true,
        type: 'module',
        scripts,
        dependencies,
        allowScripts: SKIPPED_SCRIPTS,
      }),
    };
  }
  const manifest = parsed(text);
  const additions = { scripts, allowScripts: SKIPPED_SCRIPTS };
  const merged = Object.entries(additions).map(([field, added]) => {
    const own = manifest[field];
    return [field, typeof own === 'object' && own !== null ? { ...added, ...own } : added];
  });
  return { path, content: json({ ...manifest, ...Object.fromEntries(merged) }, indentOf(text)), isAddition: true };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new InputError(`package.json is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}

function json(value: unknown, indent: string | number = 2): string {
  return `${JSON.stringify(value, undefined, indent)}\n`;
}

function indentOf(text: string): string | number {
  return /^\{\r?\n([ \t]+)"/.exec(text)?.[1] ?? 2;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
