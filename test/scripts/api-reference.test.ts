import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';

/** Returns the names that a module exports, types among them: entry points consist of `export { … } from` only. */
function exportsOf(file: string): readonly string[] {
  const lists = readFileSync(file, 'utf8').matchAll(/^export (?:type )?\{([^}]+)\} from/gm);
  return Array.from(lists, ([, list = '']) => list.split(','))
    .flat()
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== '');
}

/** Removes the heading, the signature and the tables of a page: what remains is what its docstring says. */
function descriptionIn(page: string): string {
  const [, text = ''] = page.split(/^# .*$/m);
  const [start = ''] = text.split(/^## /m);
  return start.replaceAll(/^>.*$/gm, '').trim();
}

// `npm run check:api` compares the contents, which takes a compiler half a minute.
test.each(['lib', 'cdk'])('the API reference has a page for each export of %s/index.ts, and no other', (room) => {
  const exported = exportsOf(`${room}/index.ts`);
  expect(exported.length).toBeGreaterThan(3);
  const pages = globSync(`docs/api/${room}/*/*.md`).map((page) => basename(page, '.md'));
  expect(pages.toSorted()).toEqual(exported.toSorted());
});

test.each(globSync('docs/api/{lib,cdk}/*/*.md'))('%s describes the export', (page) => {
  expect(descriptionIn(readFileSync(page, 'utf8'))).not.toBe('');
});
