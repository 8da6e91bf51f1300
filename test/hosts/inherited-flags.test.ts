import { describe, expect, test } from 'vitest';
import { inheritedFlags } from '../../lib/hosts/inherited-flags.ts';

describe('inheritedFlags', () => {
  test('keeps what a process of the same program needs', () => {
    const flags = ['-C', 'some-condition', '--env-file=.env', '--no-warnings'];
    expect(inheritedFlags(flags)).toEqual(flags);
  });

  test.each([
    ['limits of the heap, which Lambda sets for the whole function', ['--max-old-space-size=1843']],
    ['limits of the heap in any spelling', ['--max_old_space_size=1843', '--max-semi-space-size=102', '--expose-gc']],
    ['loaders, which are for the modules of this process', ['--import', './hook.mjs', '--require=./hook.cjs']],
    ['loaders in any spelling', ['-r', './hook.cjs', '--loader', './hook.mjs', '--experimental-loader=./hook.mjs']],
  ])('leaves out %s', (_, flags) => {
    expect(inheritedFlags([...flags, '-C', 'x'])).toEqual(['-C', 'x']);
  });

  test('leaves out a program on the command line, which every process would run again', () => {
    expect(inheritedFlags(['--input-type=module', '-e', 'start()', '-C', 'x'])).toEqual(['-C', 'x']);
    expect(inheritedFlags(['--eval', 'start()'])).toEqual([]);
    expect(inheritedFlags(['-p', 'start()'])).toEqual([]);
  });

  test('leaves out what only one process can have', () => {
    expect(inheritedFlags(['--inspect-brk=9229', '--watch', '--cpu-prof', '--test'])).toEqual([]);
  });
});
