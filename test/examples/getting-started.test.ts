import { execFile } from 'node:child_process';
import { copyFile, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { userProject } from '../cli/user-project.ts';
import { ROOT } from './run-fabric.ts';

interface Step {
  readonly command: string;
  readonly printed: string;
}

/** The commands of a page's console blocks, each with what the page shows below it. */
function stepsIn(markdown: string): readonly Step[] {
  const blocks = Array.from(markdown.matchAll(/^```console\n(.*?)^```$/gms), ([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const end = text.indexOf('\n');
        return { command: text.slice(0, end), printed: text.slice(end + 1).trimEnd() };
      }),
  );
}

/** Times and speeds differ from run to run, and tables are as wide as they are. */
function comparable(text: string): string {
  return text
    .trimEnd()
    .replaceAll(/\b\d+(?:\.\d+)? m?s\b/g, '<time>')
    .replaceAll(/\b[\d,]+ elements\/s/g, '<rate>')
    .replaceAll(/\d+ \(size \d+-\d+, mean [\d.]+\)/g, '<batches>')
    .replaceAll(/(?<=│ bottleneck │ )[^│]+/g, '<bottleneck> ')
    .replaceAll(/[─]+|[ ]{2,}(?=│)/g, ' ');
}

/** Runs a command of the page. Both streams are one, as on a terminal. */
function runStep(command: string, cwd: string): Promise<string> {
  const own = command
    .replace('npx fabric', `"${process.execPath}" "${join(ROOT, 'dist/cli/fabric.js')}"`)
    .replace('npx cdk synth --quiet', `"${process.execPath}" -C @inference-fabric/source cdk-app.mts`);
  const env = { ...process.env, CDK_OUTDIR: join(cwd, 'cdk.out') };
  return new Promise((resolve) => {
    execFile('sh', ['-c', `${own} 2>&1`], { cwd, env }, (_error, stdout) => resolve(stdout));
  });
}

test('docs/getting-started.md shows what its commands print, from an empty folder to a synthesized stack', async () => {
  const page = await readFile(join(ROOT, 'docs/getting-started.md'), 'utf8');
  const cwd = await userProject({});
  for (const name of ['iris.onnx', 'iris.csv'])
    await copyFile(join(ROOT, 'examples/getting-started', name), join(cwd, name));
  for (const name of ['aws-cdk-lib', 'constructs'])
    await symlink(join(ROOT, 'node_modules', name), join(cwd, 'node_modules', name), 'junction');
  const steps = stepsIn(page);
  expect(steps.map(({ command }) => command.split(' ').slice(0, 3).join(' '))).toEqual([
    'head -4 iris.csv',
    'npx fabric inspect',
    'npx fabric predict',
    'npx fabric predict',
    'npx fabric init',
    'npx fabric run',
    'npx fabric run',
    'npx cdk synth',
    'ls cdk.out/*.template.json',
  ]);
  for (const { command, printed } of steps) {
    const now = await runStep(command, cwd);
    // The bundler's progress is not on the page.
    if (!command.startsWith('npx cdk')) expect(comparable(now), command).toBe(comparable(printed));
  }
});
