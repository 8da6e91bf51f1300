import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeIn } from '../temporary-folder.ts';
import { fabric } from './run-fabric.ts';
import { userProject } from './user-project.ts';

const CONFIG = `
import { defineFabric, map } from 'inference-fabric';
console.log('config imported');
const shout = (text) => {
  console.log('saw ' + text);
  process.stdout.write('wrote ' + text + '\\n');
  return text.toUpperCase();
};
export default defineFabric({ pipelines: { loud: { input: { format: 'text' }, steps: [map(shout)] } } });
`;

describe('with --json, standard output has the JSON alone, and what a config prints is on standard error', () => {
  test.each([
    ['fabric run', ['run', 'loud', 'words.txt', '--output', 'out', '--json']],
    ['a dry run', ['run', 'loud', 'words.txt', '--dry-run', '--json']],
    ['an estimate', ['run', 'loud', 'words.txt', '--estimate', '--sample-secs', '1', '--json']],
    ['fabric local', ['local', '--input', 'in', '--output', 'out', '--once', '--json']],
  ])('%s', async (_what, args) => {
    const cwd = await userProject({ 'fabric.config.mjs': CONFIG, 'words.txt': 'one\ntwo\n' });
    await writeIn(join(cwd, 'in/loud'), 'words.txt', 'one\ntwo\n');
    const { status, stdout, stderr } = await fabric(args, { cwd });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toBeTypeOf('object');
    for (const text of ['config imported', 'saw one', 'wrote two']) expect(stderr).toContain(text);
  });

  test('without it, what a config prints stays on standard output', async () => {
    const cwd = await userProject({ 'fabric.config.mjs': CONFIG, 'words.txt': 'one\n' });
    const { stdout } = await fabric(['run', 'loud', 'words.txt', '--output', 'out'], { cwd });
    expect(stdout).toContain('saw one');
  });
});
