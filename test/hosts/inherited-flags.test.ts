import { describe, expect, test } from 'vitest';
import { inheritedFlags } from '../../lib/hosts/inherited-flags.ts';

describe('inheritedFlags', () => {
  test('keeps what a process of the same program needs', () => {
    const flags = ['-C', 'some-condition', '--max-old-space-size=100', '--import', './hook.js', '--env-file=.env'];
    expect(inheritedFlags(flags)).toEqual(flags);
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
