import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { getText, type ObjectStore } from '../../lib/stores/object-store.ts';

/** A job's output, wherever it lies. */
export interface JobLines {
  /** The parts' keys below the job's folder. */
  readonly parts: readonly string[];
  readonly results: readonly Line[];
  readonly errors: readonly Line[];
}

export interface Line {
  readonly id: string;
  readonly prediction?: unknown;
  readonly input?: unknown;
  readonly stage?: string;
  readonly error?: { readonly name: string };
}

const PART = /^(?:_errors\/errors|part)-\d+-of-\d+\.jsonl$/;

export async function linesInBucket(store: ObjectStore, bucket: string, folder: string): Promise<JobLines> {
  const prefix = `${folder}/`;
  const listed = await Array.fromAsync(store.list(bucket, prefix));
  const keys = listed.map(({ key }) => key.slice(prefix.length));
  return linesOf(keys, async (key) => (await getText(store, { bucket, key: prefix + key }))?.text ?? '');
}

export async function linesInFolder(folder: string): Promise<JobLines> {
  const paths = await readdir(folder, { recursive: true });
  return linesOf(paths.toSorted(), (path) => readFile(join(folder, path), 'utf8'));
}

async function linesOf(keys: readonly string[], read: (key: string) => Promise<string>): Promise<JobLines> {
  const parts = keys.filter((key) => PART.test(key));
  const texts = await Promise.all(parts.map(async (key) => ({ key, text: await read(key) })));
  const { errors = [], results = [] } = Object.groupBy(texts, ({ key }) =>
    key.startsWith('_errors/') ? 'errors' : 'results',
  );
  return { parts, results: results.flatMap(parsed), errors: errors.flatMap(parsed) };
}

/** Fields in which two runs may differ: bundled code of a function has no places in a user's files. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['source', 'attempts', 'message', 'at']);

/** As two runs of one input must agree: but for where the input lay, how often it was tried, and what errors say in words. */
function parsed({ text }: { readonly text: string }): Line[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map(
      (line) =>
        JSON.parse(line, (name, value: unknown) => {
          if (OWN_FIELDS.has(name)) return undefined;
          return name === 'uri' && typeof value === 'string' ? basename(value) : value;
        }) as Line,
    );
}
