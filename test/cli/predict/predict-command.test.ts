import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { EndedHere } from '../../fabric-here.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { complaint } from '../complaints.ts';
import { fabric, filesBelow, linesIn } from '../run-fabric.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WINE = join(ROOT, 'examples/models/wine.onnx');
const DATA = join(ROOT, 'examples/csv/wine.csv');

/** In a process of its own: the config of the command is a module of the package as it is built. */
async function predict(args: readonly string[], cwd?: string): Promise<EndedHere> {
  return fabric(['predict', ...args], { cwd: cwd ?? (await temporaryFolder()) });
}

function printed({ stdout }: EndedHere): readonly { readonly id: string; readonly prediction: unknown }[] {
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { readonly id: string; readonly prediction: unknown });
}

describe('fabric predict', () => {
  test('prints the first ten predictions, the same as those of a config, and writes nothing', async () => {
    const cwd = await temporaryFolder();
    const ended = await predict([WINE, DATA], cwd);
    expect(ended.status).toBe(0);
    expect(ended.stderr).toBe(
      "fabric: ran the first 10 elements; '--output <dir>' writes all results, and 'fabric init' a config\n",
    );
    expect(await filesBelow(cwd)).toEqual([]);
    const config = join(ROOT, 'examples/csv/fabric.config.ts');
    const run = await fabric(['run', 'wine', DATA, '--config', config, '--output', 'out'], { cwd });
    expect(run.status).toBe(0);
    const lines = await linesIn(join(cwd, 'out/wine/wine.csv'));
    expect(printed(ended)).toEqual(lines.slice(0, 10));
  });

  test('writes the tree of fabric run with --output, and continues it with --resume', async () => {
    const cwd = await temporaryFolder();
    expect(await predict([WINE, DATA, '--output', 'out', '--json'], cwd)).toMatchObject({ status: 0, stderr: '' });
    expect(await linesIn(join(cwd, 'out/wine/wine.csv'))).toHaveLength(12);
    expect(await filesBelow(join(cwd, 'out/wine'))).toEqual([
      'wine.csv/_SUCCESS',
      'wine.csv/_job.json',
      'wine.csv/_manifest.json',
      'wine.csv/part-00000-of-00001.jsonl',
    ]);
    expect(complaint(await predict([WINE, DATA, '--output', 'out'], cwd), 2)).toContain("'--resume' continues them");
    const resumed = await predict([WINE, DATA, '--output', 'out', '--resume', '--json'], cwd);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ total: 12, resumed: 12 });
  });

  test('maps the columns that --input-columns names, in their order, to the one input', async () => {
    const cwd = await temporaryFolder();
    const model = join(ROOT, 'test/models/double.onnx');
    await writeIn(cwd, 'd.csv', 'id,c,b,a\nx,3,2,1\ny,6,5,oops\n');
    const ended = await predict([model, 'd.csv', '--input-columns', 'a,b,c'], cwd);
    expect(ended.status).toBe(3);
    expect(printed(ended)).toMatchObject([{ id: 'x', prediction: { y: [2, 4, 6] } }]);
    expect(ended.stderr).toContain('1 failed at inference: InputMismatchError');
    expect(ended.stderr).toContain("field 'a'");
    expect(ended.stderr).toContain('ran all 2 elements');
  });

  test('maps columns to several inputs by name', async () => {
    const cwd = await temporaryFolder();
    const model = join(ROOT, 'test/models/two-inputs.onnx');
    await writeIn(cwd, 'd.csv', 'b,x,y\n5,1,2\n');
    const ended = await predict([model, 'd.csv', '--input-columns', 'a=x,y'], cwd);
    expect(printed(ended)).toMatchObject([{ prediction: { sum: [6, 7], count: 6 } }]);
  });

  test('leaves out outputs that are not tensors, and says so', async () => {
    const cwd = await temporaryFolder();
    await writeIn(cwd, 'd.csv', 'p,q,r,s\n5.1,3.5,1.4,0.2\n');
    const ended = await predict([join(ROOT, 'test/models/zipmap.onnx'), 'd.csv'], cwd);
    expect(printed(ended)).toMatchObject([{ prediction: { output_label: 0 } }]);
    expect(ended.stderr).toContain(
      'fabric: outputs that are not tensors are left out; predictions have output_label\n',
    );
    expect(ended.stderr).toContain("fabric: the 4 columns of d.csv are the input 'features', in their order\n");
  });

  test('prints one object with --json, with the format and the mapping', async () => {
    const cwd = await temporaryFolder();
    await writeIn(cwd, 'd.csv', 'c;b;a\n3;2;1\n');
    const model = join(ROOT, 'test/models/double.onnx');
    const { stdout } = await predict([model, 'd.csv', '--input-columns', 'a,b,c', '--json'], cwd);
    expect(JSON.parse(stdout)).toMatchObject({
      pipeline: 'double',
      input: { format: 'csv', delimiter: ';' },
      inputs: ['a', 'b', 'c'],
      total: 1,
      succeeded: 1,
      predictions: [{ prediction: { y: [2, 4, 6] } }],
    });
  });

  test('ends with 2 and what to do where names do not match, the file is missing, or it is of images', async () => {
    const cwd = await temporaryFolder();
    await writeIn(cwd, 'd.csv', 'id,first,second,third,note\n1,1,2,3,hello\n');
    const model = join(ROOT, 'test/models/double.onnx');
    const wrong = await predict([model, 'd.csv'], cwd);
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toContain('fabric: the inputs of ');
    expect(wrong.stderr).toContain('--input-columns first,second,third\n');
    expect(complaint(await predict([model, 'e.csv'], cwd), 2)).toBe('there is no file or directory e.csv');
    const images = join(ROOT, 'examples/data/digits');
    expect(complaint(await predict([model, images], cwd), 2)).toMatch(/is an image: a config has to describe/);
    expect(complaint(await predict([join(ROOT, 'test/models/bad-output.onnx'), 'd.csv'], cwd), 1)).toMatch(
      /can't be run: output 'total'/,
    );
  });
});

describe('fabric predict with a Hugging Face folder', () => {
  const SENTIMENT = join(ROOT, 'examples/models/sentiment');
  const REVIEWS = join(ROOT, 'examples/data/reviews.csv');

  test('takes the task from the folder, and the texts from the column of this name', async () => {
    const ended = await predict([SENTIMENT, REVIEWS, '--limit', '3']);
    expect(ended.stderr).toContain('fabric: the task is text-classification\n');
    expect(printed(ended)).toEqual(
      Array.from({ length: 3 }, () => ({
        id: expect.stringMatching(/^movie-/),
        model: expect.any(String),
        prediction: { label: expect.stringMatching(/^(?:POSITIVE|NEGATIVE)$/), score: expect.any(Number) },
      })),
    );
  });

  test('takes the only column of texts, or the one that is named, and lists them where neither is clear', async () => {
    const cwd = await temporaryFolder();
    await writeIn(cwd, 'one.csv', 'id,stars,review\na,1,dreadful\nb,5,wonderful\n');
    await writeIn(cwd, 'two.csv', 'title,review\nA film,dreadful\nB film,wonderful\n');
    const only = await predict([SENTIMENT, 'one.csv'], cwd);
    expect(only.stderr).toContain("the texts are the column 'review'");
    expect(printed(only)).toHaveLength(2);
    const unclear = complaint(await predict([SENTIMENT, 'two.csv'], cwd), 2);
    expect(unclear).toContain("name it with '--input-columns', one of title, review");
    expect(printed(await predict([SENTIMENT, 'two.csv', '--input-columns', 'review'], cwd))).toHaveLength(2);
    const wrong = complaint(await predict([SENTIMENT, 'two.csv', '--input-columns', 'reviw'], cwd), 2);
    expect(wrong).toContain("no such column; did you mean 'review'");
  });

  test('refuses a folder that is no model, and a kind of file that the task does not take', async () => {
    const cwd = await temporaryFolder();
    await writeIn(cwd, 'empty/readme.txt', 'nothing');
    expect((await predict(['empty', REVIEWS], cwd)).stderr).toContain('has no config.json');
    const image = join(ROOT, 'test/models/images/cat.jpg');
    expect(complaint(await predict([SENTIMENT, image], cwd), 2)).toContain('is a model for text-classification, and');
    const headless = join(ROOT, 'test/models/hugging-face/vit');
    expect(complaint(await predict([headless, image], cwd), 2)).toContain("'fabric predict' knows no task: set 'task'");
  });
});
