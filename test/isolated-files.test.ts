import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ISOLATED_FILES } from './isolated-files.ts';

/** Code that would disturb the other files of a process. */
const DISTURBANCES = /\bvi\.(?:mock|doMock|resetModules)\(|import\('.*\/functions\/[\w-]+\/index\.ts'\)/;
/** Modules of the benchmarks that draw plots. */
const PLOTS = /from '[./]*\/bench\/.*plots?\.ts'/;
/** Variables that configs of the tests read when they are imported. */
const READ_AT_IMPORT = /FABRIC_TEST_(?:FOLDER|MODELS)|PROMPTS_URL|MODEL_SERVER_URL|SENTIMENT_MODEL/;
/** These are for Python, and have processes of their own. */
const OTHER_SUITES = /^test\/(?:aws|export|mlserver)\//;

const OWN_PATH = 'test/isolated-files.test.ts';
const files = globSync('test/**/*.test.ts').map((path) => path.replaceAll('\\', '/'));

test('test files that replace modules or import a function have a process of their own', () => {
  const disturbing = files.filter((path) => DISTURBANCES.test(readFileSync(path, 'utf8')));
  expect(disturbing.length).toBeGreaterThan(2);
  expect(disturbing.filter((path) => !ISOLATED_FILES.includes(path))).toEqual([]);
});

test('test files that draw plots have a process of their own', () => {
  const drawing = files.filter((path) => PLOTS.test(readFileSync(path, 'utf8')));
  expect(drawing.length).toBeGreaterThan(0);
  expect(drawing.filter((path) => !ISOLATED_FILES.includes(path))).toEqual([]);
});

test('test files that set a variable for the import of a config have a process of their own', () => {
  const setting = files.filter((path) => !OTHER_SUITES.test(path) && READ_AT_IMPORT.test(readFileSync(path, 'utf8')));
  expect(setting.length).toBeGreaterThan(5);
  expect(setting.filter((path) => path !== OWN_PATH && !ISOLATED_FILES.includes(path))).toEqual([]);
});

test('all files that are listed exist', () => {
  expect(ISOLATED_FILES.filter((path) => !files.includes(path))).toEqual([]);
});
