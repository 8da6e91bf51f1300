import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { glob } from 'tinyglobby';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fabric } from 'inference-fabric';
import { readErrors } from '../../examples/read-results.ts';
import { EXPORT_CONFIG, RECIPES } from '../export/recipes.ts';
import { SERVED, SERVED_CONFIG } from '../mlserver/models.ts';
import { withEnvironment } from '../remote/environment.ts';
import { type ModelServers, startModelServers } from './model-server.ts';
import { fabricHere } from '../fabric-here.ts';
import { ROOT, temporaryFolder } from './run-fabric.ts';

interface ExampleRun {
  readonly config: string;
  readonly pipeline: string;
  readonly input: string;
  readonly succeeded: number;
  /** The stage and the name of each failure, in order. */
  readonly failures?: readonly string[];
}

/**
 * Every pipeline of every example's config, but for those of the root, which demo.test.ts runs, those of examples/export,
 * which test/export/recipes.test.ts runs, and those of examples/open-inference, which test/mlserver/mlserver.test.ts runs.
 */
const RUNS: readonly ExampleRun[] = [
  { config: 'csv', pipeline: 'wine', input: 'examples/csv/wine.csv', succeeded: 12 },
  ...['words', 'long', 'sentences', 'lower-case', 'trial'].map((pipeline) => ({
    config: 'steps',
    pipeline,
    input: 'examples/custom-handler/reviews.txt',
    succeeded: 6,
  })),
  { config: 'getting-started', pipeline: 'iris', input: 'examples/getting-started/iris.csv', succeeded: 12 },
  { config: 'quickstart', pipeline: 'wine', input: 'examples/data/wine.jsonl', succeeded: 54 },
  {
    config: 'custom-handler',
    pipeline: 'reviews',
    input: 'examples/custom-handler/reviews.txt',
    succeeded: 5,
    failures: ['inference RangeError'],
  },
  {
    config: 'model-folder',
    pipeline: 'reviews',
    input: 'examples/custom-handler/reviews.txt',
    succeeded: 6,
  },
  {
    config: 'subclass',
    pipeline: 'digits',
    input: 'examples/subclass/digits.jsonl',
    succeeded: 4,
    failures: ['inference RangeError'],
  },
  { config: 'batching', pipeline: 'fixed-size', input: 'examples/data/wine.jsonl', succeeded: 54 },
  { config: 'batching', pipeline: 'bounded', input: 'examples/data/wine.jsonl', succeeded: 54 },
  {
    config: 'batching',
    pipeline: 'padded',
    input: 'examples/batching/sentences.jsonl',
    succeeded: 11,
    failures: ['inference OversizeElementError'],
  },
  {
    config: 'many-models',
    pipeline: 'samples',
    input: 'examples/many-models/samples.jsonl',
    succeeded: 20,
    failures: ['inference UnknownKeyError'],
  },
  { config: 'branches', pipeline: 'ensemble', input: 'examples/data/wine.jsonl', succeeded: 54 },
  { config: 'branches', pipeline: 'ab-test', input: 'examples/data/wine.jsonl', succeeded: 54 },
  { config: 'containers', pipeline: 'wine', input: 'examples/data/wine.jsonl', succeeded: 54 },
  { config: 'formats', pipeline: 'text', input: 'examples/data/formats/more-lines.txt.gz', succeeded: 4 },
  {
    config: 'formats',
    pipeline: 'json',
    input: 'examples/data/formats/planets.json',
    succeeded: 3,
    failures: ['read JsonSyntaxError'],
  },
  {
    config: 'formats',
    pipeline: 'csv',
    input: 'examples/data/formats/cities.csv',
    succeeded: 2,
    failures: ['read ColumnCountMismatch'],
  },
  { config: 'formats', pipeline: 'tsv', input: 'examples/data/formats/cities.tsv', succeeded: 2 },
  { config: 'formats', pipeline: 'parquet', input: 'examples/data/formats/planets.parquet', succeeded: 4 },
  { config: 'formats', pipeline: 'binary', input: 'examples/data/formats/files', succeeded: 2 },
  { config: 'formats', pipeline: 'images', input: 'test/models/images/*.jpg', succeeded: 3 },
  {
    config: 'llm',
    pipeline: 'sentiment',
    input: 'examples/custom-handler/reviews.txt',
    succeeded: 5,
    failures: ['inference EndpointRefusedError'],
  },
  { config: 'llm', pipeline: 'embeddings', input: 'examples/custom-handler/reviews.txt', succeeded: 6 },
  {
    config: 'llm',
    pipeline: 'batch',
    input: 'examples/llm/batch.jsonl',
    succeeded: 2,
    failures: ['inference InputMismatchError'],
  },
  { config: 'aws-endpoints', pipeline: 'wine', input: 'examples/data/wine.jsonl', succeeded: 54 },
  { config: 'aws-endpoints', pipeline: 'reviews', input: 'examples/custom-handler/reviews.txt', succeeded: 6 },
  {
    config: 'custom-endpoint',
    pipeline: 'languages',
    input: 'examples/custom-handler/reviews.txt',
    succeeded: 5,
    failures: ['inference RangeError'],
  },
  { config: 'hugging-face', pipeline: 'sentiment', input: 'examples/data/reviews.csv', succeeded: 500 },
  { config: 'hugging-face', pipeline: 'logits', input: 'examples/data/reviews.csv', succeeded: 500 },
  {
    config: 'hugging-face',
    pipeline: 'entailment',
    input: 'examples/hugging-face/questions.jsonl',
    succeeded: 3,
    failures: ['inference InputMismatchError'],
  },
  { config: 'hugging-face', pipeline: 'vectors', input: 'examples/hugging-face/questions.jsonl', succeeded: 4 },
  { config: 'hugging-face', pipeline: 'topics', input: 'examples/hugging-face/questions.jsonl', succeeded: 4 },
  { config: 'hugging-face', pipeline: 'animals', input: 'test/models/images/*.jpg', succeeded: 3 },
  {
    config: 'failures',
    pipeline: 'unruly',
    input: 'examples/failures/commands.txt',
    succeeded: 8,
    failures: [
      'inference TimeoutError',
      'preprocess[0] UnknownCommandError',
      'inference ModelHostCrashedError',
      'inference UnknownCommandError',
    ],
  },
];

function configOf({ config }: ExampleRun): string {
  return `examples/${config}/fabric.config.ts`;
}

function commandOf(pipeline: string, input: string, config: string): string {
  return `npx fabric run ${pipeline} ${input} --config ${config}`;
}

/** What the pages may tell the reader to run. */
const COMMANDS: readonly string[] = [
  ...RUNS.map((run) => commandOf(run.pipeline, run.input, configOf(run))),
  ...RECIPES.map(({ pipeline, input }) => commandOf(pipeline, input, EXPORT_CONFIG)),
];

function read(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8');
}

/** The contents of the code blocks of a language. */
function blocks(markdown: string, language: string): readonly string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  return Array.from(markdown.matchAll(fence), ([, block = '']) => block);
}

/** Returns the sources that a line names. A name without a folder is in the folder of the one before it. */
function pathsIn(line: string): readonly string[] {
  const paths: string[] = [];
  for (const name of namesIn(line, /`((?:[\w.-]+\/)*[\w.-]+\.ts)`/g))
    paths.push(
      /^(?:lib|functions|cli|cdk|test|scripts|examples)\//.test(name) ? name : join(dirname(paths.at(-1) ?? ''), name),
    );
  return paths;
}

function namesIn(text: string, pattern: RegExp): readonly string[] {
  return Array.from(text.matchAll(pattern), ([, name = '']) => name);
}

/** Pages that people write: those of docs/api are made of docstrings. */
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...(await glob('docs/**/*.md', { cwd: ROOT, ignore: 'docs/api/**' })).toSorted(),
];
const configs = (await glob('examples/**/fabric.config.ts', { cwd: ROOT })).toSorted();

describe('the documentation', () => {
  test.for(pages)('%s has only TypeScript that stands in an example word for word', async (page) => {
    const sources = await Promise.all(['fabric.config.ts', 'examples/cdk/app.ts', ...configs].map(read));
    for (const block of blocks(await read(page), 'ts')) {
      expect(
        sources.some((source) => source.includes(block)),
        block,
      ).toBe(true);
    }
  });

  test('names only commands that the tests run', async () => {
    const lines = (await Promise.all(pages.map(read)))
      .flatMap((markdown) => blocks(markdown, 'sh'))
      .flatMap((block) => block.split('\n'));
    const fabricCommands = lines
      .filter((line) => line.startsWith('npx fabric'))
      // test/cli/job-commands.test.ts and the tests below test/cli/{local,predict,init,inspect} run those.
      .filter((line) => !/^npx fabric (?:status|failures|redrive|local|predict|init|inspect)\b/.test(line))
      // The other options of an estimate are in test/cli/estimate/estimate-command.test.ts.
      .map((line) => line.replace(/ (?:--output \S+|--estimate(?: --prices prices\.json)?)$/, ''));
    expect(COMMANDS).toEqual(expect.arrayContaining(fabricCommands));
    expect(fabricCommands.length).toBeGreaterThan(3);
    const scripts = lines.flatMap((line) => namesIn(line, /(\S+\.py)$/g));
    expect(scripts.toSorted()).toEqual(RECIPES.map(({ script }) => script).toSorted());
  });

  test.for(pages)('%s links to files that are there', async (page) => {
    const markdown = await read(page);
    const targets = Array.from(markdown.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g), ([, target = '']) => target);
    for (const target of targets.filter((target) => !target.startsWith('https://'))) {
      await access(join(ROOT, dirname(page), target));
    }
  });

  test.for(['docs/architecture.md', 'CONTRIBUTING.md'])('%s names files that are there', async (page) => {
    const lines = (await read(page)).split('\n');
    for (const line of lines) for (const path of pathsIn(line)) await access(join(ROOT, path));
    expect(lines.flatMap(pathsIn).length).toBeGreaterThan(5);
  });

  test('explains every name that a failure may have', async () => {
    const sources = (await Promise.all((await glob('lib/**/*.ts', { cwd: ROOT })).map(read))).join('\n');
    const inBraces = [/type ReadFailureName =([^;]+);/, /const NAMES = \{([^}]+)\}/].map(
      (list) => list.exec(sources)?.[1],
    );
    const names = [
      ...namesIn(sources, /override readonly name(?:: string)? = '(\w+)'/g),
      ...namesIn(sources, /new ElementReadError\(\s*'(\w+)'/g),
      ...namesIn(sources, /\bname: '(Endpoint\w+)'/g),
      ...namesIn(inBraces.join(' '), /'(\w+)'/g),
    ];
    // They send work to another host, run or message, or become another error: no failure has their name.
    const internal = new Set([
      'NotStartedError',
      'BrokenOffError',
      'EndpointBusyError',
      'NotTheProtocolError',
      'ObjectBudgetError',
      'PageError',
      'UnsafeFolderError',
    ]);
    const shown = new Set(names.filter((name) => !internal.has(name)));
    expect(shown).toContain('ColumnCountMismatch');
    expect(shown).toContain('ModelHostCrashedError');
    expect(shown).toContain('EndpointRefusedError');
    const explained = await read('docs/failures.md');
    expect([...shown].filter((name) => !explained.includes(`| \`${name}\``))).toEqual([]);
  });
});

describe('the examples', () => {
  let servers: ModelServers;
  let environment: Disposable;

  beforeAll(async () => {
    servers = await startModelServers();
    environment = withEnvironment(servers.variables);
  });

  afterAll(async () => {
    environment[Symbol.dispose]();
    await servers[Symbol.asyncDispose]();
  });

  test('are all run here', async () => {
    const pipelines: string[] = [];
    for (const config of configs) {
      const module = (await import(join(ROOT, config))) as { readonly default: Fabric };
      pipelines.push(...Object.keys(module.default.pipelines).map((pipeline) => `${config} ${pipeline}`));
    }
    const run = [
      ...RUNS.map((run) => `${configOf(run)} ${run.pipeline}`),
      ...RECIPES.map(({ pipeline }) => `${EXPORT_CONFIG} ${pipeline}`),
      ...SERVED.map(({ model }) => `${SERVED_CONFIG} ${model}`),
    ];
    expect(pipelines.toSorted()).toEqual(run.toSorted());
  });

  test.for(RUNS)('give what they should: $config, $pipeline', async (run) => {
    const { pipeline, input, succeeded, failures = [] } = run;
    await using output = await temporaryFolder();
    const args = [
      'run',
      pipeline,
      input,
      '--config',
      configOf(run),
      '--output',
      output.path,
      '--workers',
      '1',
      '--json',
    ];
    const { status, stdout, stderr } = await fabricHere(args);
    expect(status, stderr).toBe(failures.length === 0 ? 0 : 3);
    const summary = JSON.parse(stdout) as { succeeded: number; results: readonly string[] };
    expect(summary.succeeded).toBe(succeeded);
    const errors = await Promise.all(summary.results.map(readErrors));
    expect(errors.flat().map(({ stage, error }) => `${stage} ${error.name}`)).toEqual(failures);
  });
});
