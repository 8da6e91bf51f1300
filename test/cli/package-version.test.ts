import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { packageVersion } from '../../cli/package-version.ts';
import manifest from '../../package.json' with { type: 'json' };
import { temporaryFolder, writeIn } from '../temporary-folder.ts';

test('packageVersion is that of this package by default', () => {
  expect(packageVersion()).toBe(manifest.version);
});

test.each(['cli/main.js', 'dist/cli/main.js'])('packageVersion finds the package of a module in %s', async (path) => {
  const folder = await temporaryFolder();
  await writeIn(folder, 'package.json', '{"version":"1.2.3"}');
  const module = await writeIn(folder, path, '');
  expect(packageVersion(pathToFileURL(module))).toBe('1.2.3');
  expect(packageVersion(pathToFileURL(join(folder, path)).href)).toBe('1.2.3');
});
