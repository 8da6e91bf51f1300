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

// `npm run check:api` compares the contents, which takes a compiler half a minute.
test.each(['lib', 'cdk'])('the API reference has a page for each export of %s/index.ts, and no other', (room) => {
  const exported = exportsOf(`${room}/index.ts`);
  expect(exported.length).toBeGreaterThan(3);
  const pages = globSync(`docs/api/${room}/*/*.md`).map((page) => basename(page, '.md'));
  expect(pages.toSorted()).toEqual(exported.toSorted());
});
