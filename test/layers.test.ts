import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

/** From the ground up: each room may import those before it, and no other. */
const ROOMS = [
  'time',
  'telemetry',
  'stores',
  'elements',
  'formats',
  'batching',
  'models',
  'remote',
  'config',
  'hosts',
  'inference',
  'jobs',
];

/** The rooms of lib/jobs from the ground up; `.` is the files beside them. */
const JOB_ROOMS = [
  '.',
  'commit',
  'notes',
  'sending',
  'attempt',
  'intake',
  'redrive',
  'processing',
  'finalizing',
  'report',
  'consuming',
  'run',
];

/** Beside the rooms, and open to all of them. */
const SHARED = ['lib/errors.ts', 'lib/nearest-name.ts', 'lib/code-place.ts', 'lib/program-url.ts'].map(normalize);

/** The settings of deployed functions: the constructs write them, the functions read them. */
const ENVIRONMENT = normalize('functions/environment.ts');

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

/** The room within a room of lib/: `.` for a file beside those. */
function subroomOf(file: string): string {
  const [, , ...rest] = file.split(sep);
  return rest.length > 1 ? (rest[0] ?? '.') : '.';
}

/** Finds imports that lead back to where they began: a list of files for each. */
function cyclesIn(files: readonly string[]): readonly (readonly string[])[] {
  const cycles: string[][] = [];
  const finished = new Set<string>();
  const follow = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file]);
    if (start >= 0 || finished.has(file) || !files.includes(file)) return;
    for (const imported of importsOf(file)) follow(imported, [...path, file]);
    finished.add(file);
  };
  for (const file of files) follow(file, []);
  return cycles;
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

describe('lib/jobs', () => {
  test.each(globSync('lib/jobs/**/*.ts'))('%s imports only from rooms of jobs below its own', (file) => {
    const own = JOB_ROOMS.indexOf(subroomOf(file));
    expect(own).toBeGreaterThanOrEqual(0);
    for (const imported of importsOf(file).filter((path) => roomOf(path) === 'jobs'))
      expect(JOB_ROOMS.indexOf(subroomOf(imported)), imported).toBeLessThanOrEqual(own);
  });
});

describe('lib/inference', () => {
  test.each(globSync('lib/inference/**/*.ts'))('%s imports from its own program, and what both share', (file) => {
    for (const imported of importsOf(file).filter((path) => roomOf(path) === 'inference'))
      expect(['.', subroomOf(file)], imported).toContain(subroomOf(imported));
  });
});

describe('what a handler can do', () => {
  /** The rooms of concrete handler classes; all others are in `remote`. */
  const OWN_ROOMS = new Map([
    ['OnnxModelHandler', 'models'],
    ['KeyedModelHandler', 'models'],
  ]);
  const INSTANCE_OF = /instanceof (\w+ModelHandler)\b/g;

  test.each(globSync('{lib,functions,cdk,cli}/**/*.ts'))('%s asks the port, and not for a class', (file) => {
    for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(INSTANCE_OF)) {
      expect(roomOf(file), `instanceof ${name}`).toBe(OWN_ROOMS.get(name) ?? 'remote');
    }
  });
});

test('no module imports itself by way of others, even for its types', () => {
  const cycles = cyclesIn(globSync('{lib,functions,cdk,cli,bench,campaign}/**/*.ts'));
  expect(cycles).toEqual([]);
});

describe('what is deployed, built and called', () => {
  const files = globSync('{functions,cdk,cli}/**/*.ts');

  test.each(files)('%s uses lib/ and its own, but for the local fabric, which runs the functions', (file) => {
    const [own = ''] = file.split(sep);
    const allowed = file.startsWith(join('cli', 'local')) ? [own, 'lib', 'functions'] : [own, 'lib'];
    const others = importsOf(file).filter((imported) => own !== 'cdk' || imported !== ENVIRONMENT);
    for (const imported of others) expect(allowed, imported).toContain(imported.split(sep)[0]);
  });
});
