import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** Configs that test/examples/docs.test.ts and demo.test.ts run, and the app that test/cdk/example.test.ts synthesizes. */
const EXAMPLES = ['fabric.config.ts', 'examples/cdk/app.ts', ...globSync('examples/*/fabric.config.ts')].map((file) =>
  unindented(readFileSync(file, 'utf8')),
);

/** The main exports: their documentation shows how they are used. */
const NEED_EXAMPLES = [
  'defineFabric',
  'runInference',
  'map',
  'mapBatches',
  'filter',
  'flatMap',
  'branch',
  'ModelHandler',
  'OnnxModelHandler',
  'OpenAIModelHandler',
  'KeyedModelHandler',
  'InferenceFabric',
];

interface Example {
  /** The class or function that it belongs to. */
  readonly name: string;
  readonly code: string;
}

const DOCUMENTED = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport (?:abstract )?(?:class|function) (\w+)/g;
const CODE = /@example\n \* ```ts\n([\s\S]*?)^ \* ```$/gm;

function examplesIn(source: string): readonly Example[] {
  return Array.from(source.matchAll(DOCUMENTED)).flatMap(([, docstring = '', name = '']) =>
    Array.from(docstring.matchAll(CODE), ([, code = '']) => ({ name, code: code.replaceAll(/^ \* ?/gm, '') })),
  );
}

function unindented(code: string): string {
  return code.replaceAll(/^ +/gm, '');
}

const examples = globSync('{lib,cdk}/**/*.ts').flatMap((file) => examplesIn(readFileSync(file, 'utf8')));

describe('the examples of docstrings', () => {
  test('exist for the main exports', () => {
    expect(examples.map(({ name }) => name)).toEqual(expect.arrayContaining(NEED_EXAMPLES));
  });

  test.each(examples)('$name: each paragraph is in an example that is type-checked and run', ({ code }) => {
    const paragraphs = unindented(code).trim().split('\n\n');
    const isShown = EXAMPLES.some((example) => paragraphs.every((paragraph) => example.includes(paragraph)));
    expect(isShown, code).toBe(true);
  });
});
