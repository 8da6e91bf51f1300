import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configPath, fabric, filesBelow, linesIn, run } from '../run-fabric.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { complaint } from '../complaints.ts';
import { numbers, wine } from '../example-inputs.ts';

describe('fabric run', () => {
  test('runs a real model on real data: exit status 0, a table, and nothing on stderr where that is no terminal', async () => {
    const folder = await temporaryFolder();
    // Relative paths of inputs and results are the caller's, those in the config are the config's.
    await writeIn(folder, 'wine.jsonl', await readFile(wine));
    const args = ['run', 'wine', 'wine.jsonl', '--output', 'out', '--config', configPath];
    const { status, stdout, stderr } = await fabric(args, { cwd: folder });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/succeeded\s+│\s+54/);
    expect(stdout).toContain('out/wine/wine.jsonl');
    const lines = await linesIn(join(folder, 'out/wine/wine.jsonl'));
    const sources = (await readFile(wine, 'utf8')).split('\n').filter(Boolean);
    expect(lines.map(({ id }) => id)).toEqual(sources.map((line) => (JSON.parse(line) as { id: string }).id));
    const labels = lines.map(({ prediction }) => (prediction as { label: number }).label);
    const right = sources.filter(
      (line, index) => (JSON.parse(line) as { cultivar: number }).cultivar === labels[index],
    );
    expect(right.length).toBeGreaterThan(50);
  });

  test('prints one JSON object and nothing else with --json', async () => {
    const folder = await temporaryFolder();
    const output = join(folder, 'out');
    const { status, stdout, stderr } = await run('wine', [wine], output, ['--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stdout)).toMatchObject({
      pipeline: 'wine',
      output,
      total: 54,
      succeeded: 54,
      failed: 0,
      failedByStage: {},
      stopped: 0,
      results: [join(output, 'wine/wine.jsonl')],
    });
    const [label = ''] = Object.keys((JSON.parse(stdout) as { models: object }).models);
    expect(label).toMatch(/^[0-9a-f]{12}$/);
  });

  test('ends with 3 where some elements failed, and says at which stage, where in the code, and why', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', `${numbers(1, -2, 3)}not json\n`);
    const { status, stdout, stderr } = await run('numbers', [input], join(folder, 'out'));
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
    expect(stdout).toMatch(/at map\s+│\s+1/);
    expect(stdout).toMatch(/at read\s+│\s+1/);
    expect(stdout).toMatch(/failures\s+│ .*n\.jsonl\/_errors\//);
    expect(stdout).toMatch(
      /1 failed at map: RangeError \(cli\.config\.ts:\d+:\d+\), such as n\.jsonl#8\n {3}no negative numbers\n/,
    );
    expect(await linesIn(join(folder, 'out/numbers/n.jsonl'))).toMatchObject([
      { id: 'n.jsonl#0', prediction: 2 },
      { id: 'n.jsonl#17', prediction: 6 },
      { id: 'n.jsonl#8', stage: 'map', error: { name: 'RangeError', message: 'no negative numbers' } },
      { id: 'n.jsonl#25', stage: 'read', input: 'not json' },
    ]);
  });

  test('ends with 1 where a job was stopped for too many failures, without _SUCCESS', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'n.jsonl', numbers(...Array(200).keys()));
    const { status, stdout } = await run('strict', [input], join(folder, 'out'), ['--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ stopped: 1, succeeded: 0 });
    const files = await filesBelow(join(folder, 'out/strict/n.jsonl'));
    expect(files).toContain('_manifest.json');
    expect(files).not.toContain('_SUCCESS');
  });

  test('succeeds on empty inputs with zeros and _SUCCESS: JSON lines, a CSV of a header, an empty JSON array', async () => {
    const folder = await temporaryFolder();
    for (const [pipeline, name, text] of [
      ['numbers', 'empty.jsonl', ''],
      ['rows', 'empty.csv', ''],
      ['rows', 'header.csv', 'id,a,b,c\n'],
      ['array', 'empty.json', '[]'],
    ] as const) {
      const output = join(folder, `of ${name}`);
      const { status, stdout } = await run(pipeline, [await writeIn(folder, name, text)], output, ['--json']);
      expect({ name, status }).toEqual({ name, status: 0 });
      expect(JSON.parse(stdout)).toMatchObject({ total: 0, succeeded: 0, failed: 0 });
      const files = await filesBelow(join(output, pipeline, name));
      expect(files).toEqual(['_SUCCESS', '_job.json', '_manifest.json']);
    }
  });

  test('tries the first elements with --dry-run, checks inputs and models, and writes nothing', async () => {
    const folder = await temporaryFolder();
    const output = join(folder, 'out');
    const { status: fine, stdout } = await fabric(['run', 'wine', wine, '--dry-run', '--config', configPath]);
    expect(fine).toBe(0);
    expect(stdout).toMatch(/^model [0-9a-f]{12} \(wine\/steps\[0\]\.handler\)\n {2}input '.*': FP32 \[batch, 13\]\n/);
    expect(stdout.match(/^ {2}\{"id":.*\}$/gm)).toHaveLength(3);
    expect(stdout).toMatch(/\nOK: 1 pipeline, 1 model, 1 input \(dry run, 10 elements, nothing written\)\n$/);
    const bad = await writeIn(folder, 'bad.csv', 'name,a,b,c\nx,1,2,3\ny,1,2,z\n');
    const { status: wrong, stdout: json } = await run('rows', [bad], output, ['--dry-run', '--json']);
    expect(wrong).toBe(2);
    expect(JSON.parse(json)).toMatchObject({
      dryRun: true,
      inputs: 1,
      models: 1,
      succeeded: 1,
      failed: 1,
      failureGroups: [{ stage: 'inference', error: { name: 'InputMismatchError' }, count: 1, id: 'bad.csv#19' }],
      missingFields: [{ option: 'input.id', field: 'id', fields: ['name', 'a', 'b', 'c'] }],
    });
    const misspelt = await writeIn(folder, 'misspelt.jsonl', '{"a":1,"bb":2,"c":3}\n');
    const { status: nan, stdout: report } = await run('fields', [misspelt], output, ['--dry-run']);
    expect(nan).toBe(2);
    expect(report).toContain(
      "no element of misspelt.jsonl has the field 'b' that the model's 'inputs' name (first 1 read; did you mean 'bb'?); its fields are a, bb, c; elements fail, or are read with missing values if the model has missing: 'nan'\n",
    );
    expect(report).toContain("\nFAILED: no element has the field 'b' of the model's 'inputs' (dry run, 1 element");
    expect(complaint(await run('corrupt', [wine], output, ['--dry-run']), 1)).toContain('corrupt.onnx');
    const { status, stderr: missing } = await run('variants', [wine], output, ['--dry-run']);
    expect(status).toBe(1);
    expect(missing).toContain("2 of 4 models can't be found");
    for (const [mapping, name] of [
      [1, 'missing.onnx'],
      [2, 'current.json'],
    ]) {
      expect(missing).toMatch(
        new RegExp(`steps\\[0\\].handler.mappings\\[${mapping}\\].handler: .*/${name} can't be read`),
      );
    }
    expect(await filesBelow(output)).toEqual([]);
  });
});
