import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ISOLATED_FILES } from './isolated-files.ts';

/** What a test file can't do to the other files of its process. */
const DISTURBANCES = /\bvi\.(?:mock|doMock|resetModules)\(|import\('.*\/functions\/[\w-]+\/index\.ts'\)/;

const files = globSync('test/**/*.test.ts').map((path) => path.replaceAll('\\', '/'));

test('test files that replace modules or import a function have a process of their own', () => {
  const disturbing = files.filter((path) => DISTURBANCES.test(readFileSync(path, 'utf8')));
  expect(disturbing.length).toBeGreaterThan(2);
  expect(disturbing.filter((path) => !ISOLATED_FILES.includes(path))).toEqual([]);
});

test('all files that are listed exist', () => {
  expect(ISOLATED_FILES.filter((path) => !files.includes(path))).toEqual([]);
});
