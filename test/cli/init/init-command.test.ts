import { execFile } from 'node:child_process';
import { readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { EndedHere } from '../../fabric-here.ts';
import { writeIn } from '../../temporary-folder.ts';
import { fabric, filesBelow, linesIn } from '../run-fabric.ts';
import { userProject } from '../user-project.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLE = join(ROOT, 'examples/getting-started');
const COLUMNS = 'sepal_length,sepal_width,petal_length,petal_width';

function init(cwd: string, ...args: readonly string[]): Promise<EndedHere> {
  return fabric(['init', ...args], { cwd });
}

/** A folder with the model and the data of the example, and no package.json. */
async function irisFolder(others: Readonly<Record<string, string>> = {}): Promise<string> {
  const [model, data] = await Promise.all(['iris.onnx', 'iris.csv'].map((name) => readFile(join(EXAMPLE, name))));
  return userProject({ 'iris.onnx': model ?? '', 'iris.csv': data ?? '', ...others });
}

async function ownFiles(folder: string): Promise<readonly string[]> {
  return (await filesBelow(folder)).filter((path) => !path.startsWith('node_modules'));
}

describe('fabric init', () => {
  test('writes the project of examples/getting-started for its model and data, and runs three rows', async () => {
    const cwd = await irisFolder();
    const { status, stdout } = await init(cwd, 'iris.onnx', 'iris.csv', '--input-columns', COLUMNS);
    expect(status).toBe(0);
    for (const path of ['fabric.config.ts', 'data/iris-sample.csv'])
      expect(await readFile(join(cwd, path), 'utf8')).toBe(await readFile(join(EXAMPLE, path), 'utf8'));
    const predictions = stdout.split('\n').filter((line) => line.startsWith('{'));
    expect(predictions.map((line) => JSON.parse(line) as unknown)).toMatchObject(
      ['iris-001', 'iris-002', 'iris-003'].map((id) => ({ id, prediction: { output_label: 0 } })),
    );
    expect(JSON.parse(await readFile(join(cwd, 'package.json'), 'utf8'))).toMatchObject({
      type: 'module',
      scripts: { predict: 'fabric run iris data/iris-sample.csv --output out --overwrite' },
    });
    const run = await fabric(['run', 'iris', 'iris.csv', '--output', 'out'], { cwd });
    expect(run).toMatchObject({ status: 0, stderr: '' });
    const lines = await linesIn(join(cwd, 'out/iris/iris.csv'));
    expect(lines.map(({ prediction }) => (prediction as { readonly output_label: number }).output_label)).toEqual([
      0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2,
    ]);
  });

  test('overwrites nothing: a config, sample data or a CDK app that exists is refused before anything is written', async () => {
    for (const name of ['fabric.config.mjs', 'data/iris-sample.csv', 'cdk.json']) {
      const cwd = await irisFolder({ [name]: 'mine' });
      const ended = await init(cwd, 'iris.onnx', 'iris.csv', '--input-columns', COLUMNS, '--cdk');
      expect(ended).toMatchObject({ status: 2, stdout: '' });
      expect(ended.stderr).toMatch(/^fabric: .*exists.*is not overwritten.*$/m);
      expect(await ownFiles(cwd)).toEqual(['iris.csv', 'iris.onnx', name].toSorted());
      expect(await readFile(join(cwd, name), 'utf8')).toBe('mine');
    }
  });

  test('keeps an existing tsconfig.json, and adds scripts to package.json without changing others', async () => {
    const manifest = {
      name: 'mine',
      type: 'commonjs',
      scripts: { predict: 'echo mine' },
      dependencies: { a: '1.0.0' },
    };
    const cwd = await irisFolder({ 'tsconfig.json': '{}', 'package.json': JSON.stringify(manifest, undefined, 4) });
    const { status, stdout } = await init(cwd, 'iris.onnx', 'iris.csv', '--input-columns', COLUMNS);
    expect(status).toBe(0);
    expect(stdout).toContain('changed package.json\n');
    expect(await readFile(join(cwd, 'tsconfig.json'), 'utf8')).toBe('{}');
    const text = await readFile(join(cwd, 'package.json'), 'utf8');
    expect(text).toContain('\n    "name": "mine",\n');
    expect(JSON.parse(text)).toEqual({
      ...manifest,
      scripts: { try: 'fabric run iris data/iris-sample.csv --dry-run', predict: 'echo mine' },
      allowScripts: { 'onnxruntime-node': false },
    });
  });

  test.each([
    [
      'dtypes',
      3,
      ['readonly text_out: string;', 'readonly flag_out: boolean;', 'readonly f64_out: readonly number[];'],
    ],
    ['conv', 3, ['readonly y: readonly number[];', "// Input 'x': FP32 [batch, 3, 32, 32]"]],
    ['sequence', 3, ['readonly mean: number;']],
  ])('makes up sample data without a data file: %s', async (model, rows, source) => {
    const cwd = await userProject({ 'm.onnx': await readFile(join(ROOT, `test/models/${model}.onnx`)) });
    const { status, stdout } = await init(cwd, 'm.onnx');
    expect(status).toBe(0);
    expect(stdout.split('\n').filter((line) => line.startsWith('{'))).toHaveLength(rows);
    const config = await readFile(join(cwd, 'fabric.config.ts'), 'utf8');
    for (const text of source) expect(config).toContain(text);
  });

  test('starts without a model too', async () => {
    const cwd = await userProject({});
    expect(await init(cwd)).toMatchObject({ status: 0, stderr: '' });
    const run = await fabric(['run', 'words', 'data/words-sample.txt', '--output', 'out'], { cwd });
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect((await linesIn(join(cwd, 'out/words/words-sample.txt')))[0]?.prediction).toEqual({ words: 7 });
  });

  test('takes the first rows of a compressed CSV with line breaks in quotes', async () => {
    const rows = Array.from({ length: 40 }, (_, index) => `"two\nlines ${index}",${index},1,2`);
    const cwd = await userProject({ 'double.onnx': await readFile(join(ROOT, 'test/models/double.onnx')) });
    await writeIn(cwd, 'd.csv', `note,a,b,c\n${rows.join('\n')}\n`);
    expect(await init(cwd, 'double.onnx', 'd.csv', '--input-columns', 'a,b,c')).toMatchObject({ status: 0 });
    expect(await readFile(join(cwd, 'data/double-sample.csv'), 'utf8')).toBe(
      `note,a,b,c\n${rows.slice(0, 20).join('\n')}\n`,
    );
  });

  test('names the next command if the package is not installed in the folder', async () => {
    const cwd = await irisFolder();
    await rm(join(cwd, 'node_modules'), { recursive: true });
    const { status, stdout } = await init(cwd, 'iris.onnx', 'iris.csv', '--input-columns', COLUMNS);
    expect(status).toBe(0);
    expect(stdout).toContain('Next: npm install, then npx fabric run iris data/iris-sample.csv --dry-run\n');
  });

  test('writes a CDK app with --cdk that synthesizes a stack of the pipeline, in a package of type commonjs', async () => {
    const cwd = await irisFolder({ 'package.json': '{ "type": "commonjs" }' });
    for (const name of ['aws-cdk-lib', 'constructs'])
      await symlink(join(ROOT, 'node_modules', name), join(cwd, 'node_modules', name), 'junction');
    const { status } = await init(cwd, 'iris.onnx', 'iris.csv', '--input-columns', COLUMNS, '--cdk');
    expect(status).toBe(0);
    const { app } = JSON.parse(await readFile(join(cwd, 'cdk.json'), 'utf8')) as { readonly app: string };
    const args = ['-C', '@inference-fabric/source', ...app.split(' ').slice(1)];
    const env = { ...process.env, CDK_OUTDIR: join(cwd, 'cdk.out'), CDK_VALIDATION: 'false' };
    await promisify(execFile)(process.execPath, args, { cwd, env });
    const template = await readFile(join(cwd, 'cdk.out/Iris.template.json'), 'utf8');
    expect(Object.values((JSON.parse(template) as { Resources: object }).Resources)).toContainEqual(
      expect.objectContaining({ Type: 'AWS::Lambda::Function' }),
    );
    expect(template).toContain('iris');
  });
});
