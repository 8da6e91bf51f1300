import { readFileSync } from 'node:fs';
import { findPackageJSON, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';

/** Extensions of files whose kind the nearest package.json decides. `.mts` and `.cjs` decide it themselves. */
const UNDECIDED = /\.[jt]s$/;

/** Messages of V8 for syntax that only ES modules have: the same that Node.js takes as a sign of one. */
const ESM_ONLY = [
  'Cannot use import statement outside a module',
  "Unexpected token 'export'",
  "Cannot use 'import.meta' outside a module",
];

/**
 * A line of TypeScript that only an ES module has after its types are stripped. `node:module` can strip types too, but
 * prints a warning each time that a process does so.
 */
const ESM_LINE = /^[ \t]*(?:import(?![\w$.(]|\s*\(|\s+type\b)|export(?![\w$]|\s+(?:type|interface|declare)\b))/m;

let isRegistered = false;

/**
 * Has this thread read files with `import` and `export` as ES modules, whatever the `type` of their package: `npm init`
 * writes `"type": "commonjs"`, with which Node.js refuses such a config, and without a `type` it prints a warning.
 * Modules in `node_modules` are read as always, and so is a config whose package has `"type": "module"`.
 */
export function acceptEsmSyntax(config: URL): void {
  if (isRegistered || !UNDECIDED.test(config.pathname) || packageType(config) === 'module') return;
  isRegistered = true;
  registerHooks({
    load(url, context, nextLoad) {
      if (!isOwnFile(url) || context.format?.startsWith('module') === true) return nextLoad(url, context);
      const path = fileURLToPath(url);
      const isTypeScript = path.endsWith('.ts');
      const source = readFileSync(path, 'utf8');
      const isModule = isTypeScript ? ESM_LINE.test(source) : hasEsmSyntax(source);
      if (!isModule) return nextLoad(url, context);
      return { format: isTypeScript ? 'module-typescript' : 'module', source, shortCircuit: true };
    },
  });
}

/** Returns the `type` of the package that a file belongs to. */
function packageType(file: URL): unknown {
  const manifest = findPackageJSON(file);
  if (manifest === undefined) return undefined;
  try {
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly type?: unknown } | null)?.type;
  } catch {
    // Node.js reports what is wrong with it when it imports the config.
    return undefined;
  }
}

function isOwnFile(url: string): boolean {
  const { protocol, pathname } = new URL(url);
  return protocol === 'file:' && UNDECIDED.test(pathname) && !pathname.includes('/node_modules/');
}

function hasEsmSyntax(source: string): boolean {
  try {
    compileFunction(source, ['exports', 'require', 'module', '__filename', '__dirname']);
    return false;
  } catch (error) {
    return error instanceof SyntaxError && ESM_ONLY.some((message) => error.message.startsWith(message));
  }
}
