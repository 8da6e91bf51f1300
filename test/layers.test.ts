import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

/** From the ground up: each room may import those before it, and no other. */
const ROOMS = [
  'telemetry',
  'stores',
  'elements',
  'formats',
  'batching',
  'models',
  'remote',
  'config',
  'costs',
  'hosts',
  'inference',
  'jobs',
];

/** Beside the rooms, and open to all of them. */
const SHARED = ['lib/errors.ts', 'lib/code-place.ts'].map(normalize);

const IMPORT = /from '(\.[^']+)'|import\('(\.[^']+)'\)/g;

function importsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(IMPORT)].map((match) =>
    normalize(join(dirname(file), match[1] ?? match[2] ?? '')),
  );
}

/** The room of a file of lib/; undefined for what stands beside the rooms. */
function roomOf(file: string): string | undefined {
  const [top, room, ...rest] = file.split(sep);
  return top === 'lib' && rest.length > 0 ? room : undefined;
}

describe('lib', () => {
  const files = globSync('lib/*/**/*.ts');

  test.each(files)('%s imports only from rooms below its own', (file) => {
    const own = ROOMS.indexOf(roomOf(file) ?? '');
    expect(own).toBeGreaterThanOrEqual(0);
    for (const imported of importsOf(file)) {
      const room = roomOf(imported);
      if (room !== undefined) expect(ROOMS.indexOf(room), imported).toBeLessThanOrEqual(own);
      else expect(SHARED).toContain(imported);
    }
  });
});

describe('what is deployed, built and called', () => {
  const files = globSync('{functions,cdk,cli}/**/*.ts');

  test.each(files)('%s uses lib/ and its own, but for the local fabric, which runs the functions', (file) => {
    const [own = ''] = file.split(sep);
    const allowed = file.startsWith(join('cli', 'local')) ? [own, 'lib', 'functions'] : [own, 'lib'];
    for (const imported of importsOf(file)) expect(allowed, imported).toContain(imported.split(sep)[0]);
  });
});
