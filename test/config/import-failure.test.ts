import { describe, expect, test } from 'vitest';
import { importFailure } from '../../lib/config/import-failure.ts';
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

function thrown<E extends Error>(error: E, stack: string): E {
  return Object.assign(error, { stack });
}

describe('importFailure', () => {
  const source = 'const x = [1, 2;';

  test.each([
    [
      'a path',
      `/app/fabric.config.ts:12\n${source}\n${' '.repeat(6)}^\n\nSyntaxError: no`,
      'fabric.config.ts:12:7: no',
    ],
    ['a range', `/app/a.ts:3\n\n${source}\n`, 'no'],
    ['a URL', `file:///app/a%20b.ts:1\n${source}\n^^^^\nSyntaxError: no`, 'a b.ts:1:1: no'],
    ['Windows', `C:\\app\\a.ts:1\r\n${source}\r\n  ^^\r\nSyntaxError: no`, 'a.ts:1:3: no'],
  ])('has the place that Node marks in a syntax error: %s', async (_, stack, message) => {
    const error = thrown(new SyntaxError('no'), stack.replaceAll('C:\\app\\', '/app/'));
    expect(await importFailure(error, '/nowhere.mjs')).toBe(message);
  });

  test('has the place of a syntax error in JavaScript, which Node keeps to itself', async () => {
    const path = await writeIn(await temporaryFolder(), 'fabric.config.mjs', 'export default {\n  a: [1, }\n];\n');
    const error = thrown(new SyntaxError("Unexpected token '}'"), 'SyntaxError\n    at node:internal/x:1:1');
    expect(await importFailure(error, path)).toBe("fabric.config.mjs:2:10: Unexpected token '}'");
  });

  test('has the place where the config threw', async () => {
    const error = thrown(new TypeError('no'), 'TypeError: no\n    at file:///app/fabric.config.ts:4:9');
    expect(await importFailure(error, '/app/fabric.config.ts')).toBe('fabric.config.ts:4:9: no');
  });

  test('is the message alone where there is no place', async () => {
    expect(await importFailure('text', '/app/fabric.config.ts')).toBe('text');
  });
});
