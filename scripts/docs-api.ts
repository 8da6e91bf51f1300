import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Writes the API reference of the package's two entry points, from their docstrings.
//   node scripts/docs-api.ts            writes docs/api
//   node scripts/docs-api.ts --check    fails if docs/api is not what the docstrings give now

const REFERENCE = 'docs/api';

// TypeDoc uses the JavaScript API of the compiler up to TypeScript 6, which TypeScript 7 does not have.
// No import names `typescript-for-typedoc` or the plugin for Markdown, so `knip.json` ignores both.
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'typescript' ? 'typescript-for-typedoc' : specifier, context),
});
const { Application } = await import('typedoc');

/** Generates the reference. A warning, such as a link that leads nowhere, is a failure. */
async function writeReference(folder: string): Promise<void> {
  const markdown = { hideBreadcrumbs: true, parametersFormat: 'table', interfacePropertiesFormat: 'table' };
  const app = await Application.bootstrapWithPlugins({
    // Options of the plugin, which TypeDoc's types do not have.
    ...markdown,
    name: 'inference-fabric',
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: ['lib/index.ts', 'cdk/index.ts'],
    tsconfig: 'scripts/tsconfig.docs.json',
    // `npm run check:types` finds type errors, with the repository's own compiler.
    skipErrorChecking: true,
    out: folder,
    readme: 'none',
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    disableSources: true,
    logLevel: 'Warn',
  });
  const project = await app.convert();
  if (project !== undefined) await app.generateOutputs(project);
  if (project === undefined || app.logger.hasErrors() || app.logger.hasWarnings())
    throw new Error('Cannot write the API reference: see the messages above');
}

/** Returns the pages of a folder by their names. */
function pagesIn(folder: string): ReadonlyMap<string, string> {
  const names = globSync('**/*.md', { cwd: folder });
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

async function checkReference(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'docs-api-'));
  try {
    await writeReference(folder);
    const written = pagesIn(REFERENCE);
    const expected = pagesIn(folder);
    const names = new Set([...written.keys(), ...expected.keys()]);
    const stale = [...names].filter((name) => written.get(name) !== expected.get(name)).toSorted();
    for (const name of stale) console.error(`${REFERENCE}/${name} is out of date`);
    if (stale.length > 0) throw new Error('The API reference is out of date: run npm run docs:api');
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (process.argv.includes('--check')) await checkReference();
else await writeReference(REFERENCE);
