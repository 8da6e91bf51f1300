import { access, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InputError } from '../../lib/jobs/run/run-input.ts';
import { isS3Uri } from '../../lib/stores/open-source.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { failureList } from '../failure-table.ts';
import { CONFIG_NAMES } from '../find-config.ts';
import { logLine } from '../log-line.ts';
import { inspectRunnable, pipelineName, planFirstPipeline } from '../mapping/first-pipeline.ts';
import { previewConfig } from '../predict/preview.ts';
import type { NewProject } from './new-project.ts';
import { type ProjectFile, projectFiles } from './project-files.ts';
import { firstRecords, madeUpRecords, suffixOf } from './sample-data.ts';

/** Number of elements that are run to show that the project works. */
const TRIED_ELEMENTS = 3;
const WORDS = 'one line of text is one element\neach becomes one prediction\nor one explained failure\n';

export interface InitOptions {
  readonly inputColumns?: readonly string[];
  readonly cdk?: boolean;
}

/** `fabric init`: writes a project for a model and its data, and runs the first elements. */
export function initCommand(
  model: string | undefined,
  data: string | undefined,
  options: InitOptions,
): Promise<ExitStatus> {
  return exitStatusOf((signal) => init({ model, data, options, signal }), { interrupted: 'written files are kept' });
}

interface InitRequest {
  readonly model: string | undefined;
  readonly data: string | undefined;
  readonly options: InitOptions;
  readonly signal: AbortSignal;
}

async function init({ model, data, options, signal }: InitRequest): Promise<ExitStatus> {
  const folder = process.cwd();
  await refuseConfig(folder);
  const project = await newProject(folder, { model, data, options });
  const files = await projectFiles(project, { folder, cdk: options.cdk === true });
  await refuseExisting(folder, files);
  for (const { path, content, isAddition = false } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content, isAddition ? {} : { flag: 'wx' });
    console.log(`${isAddition ? 'changed' : 'wrote'} ${path}`);
  }
  return tryProject(project, folder, signal);
}

async function newProject(folder: string, { model, data, options }: Omit<InitRequest, 'signal'>): Promise<NewProject> {
  if (model === undefined) {
    return { name: 'words', input: { format: 'text' }, samplePath: 'data/words-sample.txt', sample: WORDS };
  }
  const modelUri = modelPath(model, folder);
  const name = pipelineName(model);
  if (data === undefined) {
    const inspected = await inspectRunnable(model);
    logLine('without a data file, the sample data is made up of numbers: replace it by real data');
    const input = { format: 'jsonl', id: 'id' } as const;
    const samplePath = `data/${name}-sample.jsonl`;
    return { name, input, model: { inspected, modelUri }, samplePath, sample: madeUpRecords(inspected) };
  }
  const { inputColumns = [] } = options;
  const planned = await planFirstPipeline({ model, inputs: [data], inputColumns });
  for (const note of planned.notes) logLine(note);
  const { pipeline, inspected, elements } = planned;
  const { inputs } = pipeline.model;
  return {
    name,
    input: pipeline.input,
    model: { inspected, modelUri, ...(inputs === undefined ? {} : { inputs }) },
    samplePath: `data/${name}-sample.${suffixOf(pipeline.input)}`,
    sample: await firstRecords(planned.data, pipeline.input, elements),
  };
}

function modelPath(model: string, folder: string): string {
  if (isS3Uri(model) || model.startsWith('file:')) return model;
  return relative(folder, resolve(model)).split(sep).join('/');
}

/** @throws InputError if the folder has a config already. */
async function refuseConfig(folder: string): Promise<void> {
  for (const name of CONFIG_NAMES) {
    if (await exists(join(folder, name)))
      throw new InputError(
        `${name} exists in this folder, and is not overwritten: run 'fabric init' in an empty folder`,
      );
  }
}

/** @throws InputError before anything is written. */
async function refuseExisting(folder: string, files: readonly ProjectFile[]): Promise<void> {
  for (const { path, isAddition = false } of files) {
    if (!isAddition && (await exists(join(folder, path))))
      throw new InputError(
        `${path} exists, and is not overwritten: rename it, or run 'fabric init' in an empty folder`,
      );
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Runs the first elements with the config that was written, as `fabric run` does, and prints the next steps. */
async function tryProject({ name, samplePath }: NewProject, folder: string, signal: AbortSignal): Promise<ExitStatus> {
  const config = pathToFileURL(join(folder, 'fabric.config.ts'));
  if (!isInstalled(config)) {
    console.log(`\nNext: npm install, then npx fabric run ${name} ${samplePath} --dry-run`);
    return EXIT.success;
  }
  const request = { configUrl: config, pipelineName: name, args: [join(folder, samplePath)], limit: TRIED_ELEMENTS };
  const { predictions, failures, failed } = await previewConfig({ ...request, signal });
  console.log(`\nThe first elements of ${samplePath}:`);
  for (const line of predictions) console.log(line);
  if (failed > 0) console.error(failureList(failures));
  console.log(`\nNext: npx fabric run ${name} ${samplePath} --output out`);
  return failed > 0 ? EXIT.elementsFailed : EXIT.success;
}

/** Checks whether the config can import this package. */
function isInstalled(config: URL): boolean {
  try {
    createRequire(config).resolve('inference-fabric');
    return true;
  } catch {
    return false;
  }
}
