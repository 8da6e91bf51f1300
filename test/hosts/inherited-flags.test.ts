import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inheritedFlags } from '../../lib/hosts/inherited-flags.ts';
import { fabric, filesBelow, linesIn, runArgs } from '../cli/run-fabric.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

describe('inheritedFlags', () => {
  test.each([
    ['what a process of the same program needs', ['-C', 'some-condition', '--env-file=.env', '--no-warnings']],
    ['a value that is a separate word', ['--env-file', '.env', '--title', 'a title', '--disable-warning', 'DEP0190']],
    ['a value that is empty, or a number', ['--title', '', '--title', '500']],
    ['a value that looks like a flag, which Node takes with a backslash', ['--title', String.raw`\-e`, '-C', 'test']],
  ])('keeps %s', (_, flags) => {
    expect(inheritedFlags(flags)).toEqual(flags);
  });

  test.each([
    ['limits of the heap, which Lambda sets for the whole function', ['--max-old-space-size=1843']],
    ['limits of the heap in any spelling', ['--max_old_space_size=1843', '--max-semi-space-size=102', '--expose-gc']],
    ['a limit whose value is a separate word', ['--max-old-space-size-percentage', '50']],
    ['loaders, which are for the modules of this process', ['--import', './hook.mjs', '--require=./hook.cjs']],
    ['loaders in any spelling', ['-r', './hook.cjs', '--loader', './hook.mjs', '--experimental-loader=./hook.mjs']],
    ['a profiler', ['--cpu-prof', '--heap-prof', '--prof']],
    ['options of a profiler', ['--cpu-prof-interval=500', '--cpu-prof-dir=profiles', '--heap-prof-interval=500']],
    ['options of a profiler as separate words', ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', 'p']],
    ['options of a profiler in any spelling', ['--cpu_prof_name', 'a.cpuprofile', '--heap-prof-name', '']],
    ['a debugger and its port', ['--inspect-brk=9229', '--inspect-port', '0', '--inspect-publish-uid', 'http']],
    [
      'what watches files',
      ['--watch', '--watch-path', './lib', '--watch-path=./test', '--watch-kill-signal', 'SIGINT'],
    ],
    ['a test runner', ['--test', '--test-concurrency', '2', '--test-reporter', 'spec', '--test-timeout=5']],
    ['a program on the command line', ['--input-type=module', '-e', 'start()']],
    ['a program whose kind is a separate word', ['--input-type', 'module', '--eval', 'start()']],
    ['a program whose result is printed', ['-p', 'start()', '-pe', 'start()', '--print', String.raw`\-1`]],
  ])('leaves out %s, and nothing around it', (_, flags) => {
    expect(inheritedFlags(['-C', 'a', ...flags, '-C', 'b'])).toEqual(['-C', 'a', '-C', 'b']);
    expect(inheritedFlags([...flags, '--no-warnings'])).toEqual(['--no-warnings']);
    expect(inheritedFlags(flags)).toEqual([]);
  });

  test('leaves a process with a profiler able to start its model hosts', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'rows.csv', 'id,a,b,c\nr1,1,2,3\nr2,4,5,6\n');
    const nodeFlags = ['--cpu-prof', '--cpu-prof-interval', '500', '--cpu-prof-dir', 'profiles'];
    const ended = await fabric(runArgs('rows', [input], join(folder, 'out')), { cwd: folder, nodeFlags });
    expect(ended).toMatchObject({ status: 0, signal: null });
    expect(await linesIn(join(folder, 'out/rows/rows.csv'))).toHaveLength(2);
    expect(await filesBelow(join(folder, 'profiles'))).not.toEqual([]);
  });
});
