import { describe, expect, test } from 'vitest';
import { failureList, failureTable } from '../../cli/failure-table.ts';
import { FailureGroups } from '../../lib/jobs/report/failure-groups.ts';

function groupsOf(...messages: readonly string[]): FailureGroups {
  const groups = new FailureGroups();
  for (const [index, message] of messages.entries()) {
    const error = { name: 'TypeError', message, at: 'pre.ts:4:19' };
    groups.add({ id: `e#${index}`, stage: 'map', error });
  }
  return groups;
}

describe('failureList', () => {
  test('shows the largest group first, its message whole, and says that others differ', () => {
    expect(failureList(groupsOf('rare', 'got 1', 'got 2'), { width: undefined })).toBe(
      [
        '1. 2 failed at map: TypeError (pre.ts:4:19), such as e#1',
        '   got 1 (others differ by numbers, ids or quoted values)',
        '2. 1 failed at map: TypeError (pre.ts:4:19), such as e#0',
        '   rare',
      ].join('\n'),
    );
  });

  test('wraps a message to the width, and cuts nothing of it', () => {
    const message = `${'word '.repeat(30)}${'x'.repeat(60)}`;
    const [, ...lines] = failureList(groupsOf(message), { width: 40 }).split('\n');
    expect(lines.every((line) => line.startsWith('   '))).toBe(true);
    expect(lines.filter((line) => line.length > 40)).toEqual([`   ${'x'.repeat(60)}`]);
    expect(lines.map((line) => line.trim()).join(' ')).toBe(message);
  });

  test('counts what it does not show', () => {
    const groups = groupsOf('one', 'two', 'two', 'three');
    expect(failureList(groups, { max: 1, width: undefined }).split('\n').at(-1)).toBe('and 2 more kinds, 2 elements');
    expect(failureList({ list: () => [], others: 5 })).toBe('and more kinds, 5 elements');
  });

  test('moves no cursor', () => {
    expect(failureList(groupsOf('\u001b[2Jgone\r\nnext'), { width: undefined })).toContain('   \ufffd[2Jgone\n   next');
  });
});

describe('failureTable', () => {
  test('has the same as rows, wrapped', () => {
    const text = failureTable(groupsOf('word '.repeat(20).trim()), { width: 60 });
    expect(text).toMatch(/map\s+│ TypeError\s+│ 1\s+│ word word/);
    expect(text.match(/word/g)).toHaveLength(20);
    expect(text).toMatch(/│ at pre\.ts:4:19\s+│\n.*│ such as e#0\s+│/);
  });
});
