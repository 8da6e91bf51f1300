import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findConfig } from '../../cli/find-config.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';
import { complaint } from './complaints.ts';
import { fabric, linesIn } from './run-fabric.ts';
import { userProject } from './user-project.ts';

const ESM = `
import { defineFabric, map } from 'inference-fabric';
import { shout } from './steps/shout.SUFFIX';
export default defineFabric({ pipelines: { loud: { input: { format: 'text' }, steps: [map(shout)] } } });
`;
const SHOUT = `export const shout = (text: string): string => text.toUpperCase();\n`;
const COMMONJS = `
const { defineFabric, map } = require('inference-fabric');
const { shout } = require('./steps/shout.cjs');
module.exports = defineFabric({ pipelines: { loud: { input: { format: 'text' }, steps: [map(shout)] } } });
`;

/** Runs the pipeline from a folder below the config's, and expects right results and an empty stderr. */
async function expectRuns(folder: string): Promise<void> {
  const cwd = join(folder, 'data/today');
  await writeIn(cwd, 'words.txt', 'one\ntwo\n');
  const args = ['run', 'loud', 'words.txt', '--output', 'out', '--workers', '1'];
  expect(await fabric(args, { cwd })).toMatchObject({ status: 0, stderr: '' });
  const lines = await linesIn(join(cwd, 'out/loud/words.txt'));
  expect(lines.map(({ prediction }) => prediction)).toEqual(['ONE', 'TWO']);
}

describe('a config', () => {
  const types = [undefined, 'commonjs', 'module'] as const;
  const suffixes = ['ts', 'mts', 'js', 'mjs'] as const;
  test.each(types.flatMap((type) => suffixes.map((suffix) => ({ type, suffix }))))(
    'is found in a folder above as fabric.config.$suffix, with ESM syntax in a package of type $type',
    async ({ type, suffix }) => {
      const isTypeScript = suffix.endsWith('ts');
      await expectRuns(
        await userProject({
          'package.json': JSON.stringify({ name: 'mine', ...(type === undefined ? {} : { type }) }),
          [`fabric.config.${suffix}`]: ESM.replace('SUFFIX', suffix),
          [`steps/shout.${suffix}`]: isTypeScript ? SHOUT : SHOUT.replaceAll(': string', ''),
        }),
      );
    },
  );

  test('can be a CommonJS module', async () => {
    await expectRuns(
      await userProject({
        'package.json': '{ "type": "commonjs" }',
        'fabric.config.cjs': COMMONJS,
        'steps/shout.cjs': 'exports.shout = (text) => text.toUpperCase();\n',
      }),
    );
  });

  test('can import CommonJS modules of its own in a package of type commonjs', async () => {
    await expectRuns(
      await userProject({
        'package.json': '{ "type": "commonjs" }',
        'fabric.config.ts': ESM.replace('SUFFIX', 'js'),
        'steps/shout.js': 'exports.shout = require("./upper").upper;\n',
        'steps/upper.js': 'exports.upper = (text) => text.toUpperCase();\n',
      }),
    );
  });

  test('with a syntax error is refused for that error, also in a package of type commonjs', async () => {
    const cwd = await userProject({
      'package.json': '{ "type": "commonjs" }',
      'fabric.config.ts': "import { map } from 'inference-fabric';\nexport default map((] => 1);\n",
      'a.txt': 'a\n',
    });
    const message = complaint(await fabric(['run', 'loud', 'a.txt', '--output', 'out'], { cwd }), 2);
    expect(message).toMatch(/fabric\.config\.ts can't be imported: Expression expected$/);
  });
});

describe('findConfig', () => {
  test('prefers the nearest folder, and TypeScript in it', async () => {
    const folder = await temporaryFolder();
    for (const name of ['fabric.config.ts', 'near/fabric.config.js', 'near/fabric.config.mts'])
      await writeIn(folder, name, '');
    await writeIn(folder, 'near/below/data.csv', '');
    expect(fileURLToPath(findConfig(undefined, join(folder, 'near/below')))).toBe(
      join(folder, 'near/fabric.config.mts'),
    );
    expect(fileURLToPath(findConfig('other.ts', folder))).toBe(join(folder, 'other.ts'));
  });

  test('names what to do if there is no config', async () => {
    const cwd = await temporaryFolder();
    await writeIn(cwd, 'a.txt', 'a\n');
    for (const args of [
      ['run', 'loud', 'a.txt', '--output', 'out'],
      ['local', '--once'],
    ])
      expect(complaint(await fabric(args, { cwd }), 2)).toBe(
        `there is no fabric.config.ts in ${cwd} or in a folder above it: create one with 'fabric init', or name one with '--config'`,
      );
  });
});

describe('fabric on an older Node.js', () => {
  test('names the version that it needs in one sentence, before it imports anything', async () => {
    const pretend = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.1.0" } })';
    const nodeFlags = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`];
    const message = complaint(await fabric(['--help'], { nodeFlags }), 1);
    expect(message).toMatch(
      /^Node\.js 24 or newer is required, and this is v\d.*: install it from .* 'npm install -D node@24'$/,
    );
    const program = await readFile(new URL('../../dist/cli/fabric.js', import.meta.url), 'utf8');
    expect(program).not.toMatch(/^import\b(?!\()|\bfrom ["']/m);
  });
});
