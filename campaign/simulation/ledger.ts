import type { Manifest } from '../../lib/jobs/manifest.ts';
import { getText, type ObjectStore } from '../../lib/stores/object-store.ts';
import { hold, Violation } from '../violation.ts';
import { isUnlucky } from './doubles.ts';
import type { Expected } from './drops.ts';
import type { World } from './world.ts';

/** Location of results. */
export type Results = Pick<World, 'calm' | 'output'>;

/** A line of results or of errors. */
export interface Line {
  readonly id: string;
  readonly prediction?: number;
  readonly stage?: string;
  readonly error?: { readonly name: string };
}

/** Outcomes as they are committed. */
export interface Outcomes {
  readonly predictions: readonly Line[];
  readonly failures: readonly Line[];
}

export interface AccountOptions {
  /** True if elements can have failed because their object was gone. @default false */
  readonly mayBeGone?: boolean;
}

export async function textOf(store: ObjectStore, bucket: string, key: string): Promise<string | undefined> {
  return (await getText(store, { bucket, key }))?.text;
}

export function linesOf(text = ''): readonly Line[] {
  // Lines that the fabric wrote.
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}

export function byOutcome(lines: readonly Line[]): Outcomes {
  return {
    predictions: lines.filter(({ stage }) => stage === undefined),
    failures: lines.filter(({ stage }) => stage !== undefined),
  };
}

/** Outcomes in the parts below a folder of the output bucket. */
export async function outcomesBelow({ calm, output }: Results, folder: string): Promise<Outcomes> {
  const predictions: Line[] = [];
  const failures: Line[] = [];
  for await (const { key } of calm.list(output, `${folder}/`)) {
    const name = key.slice(folder.length + 1);
    if (name.startsWith('part-')) predictions.push(...linesOf(await textOf(calm, output, key)));
    if (name.startsWith('_errors/errors-')) failures.push(...linesOf(await textOf(calm, output, key)));
  }
  return { predictions, failures };
}

/** Outcomes of messages of elements, all those of a pipeline. */
export async function outcomesOfMessages({ calm, output }: Results, pipeline: string): Promise<Outcomes> {
  const predictions: Line[] = [];
  const failures: Line[] = [];
  for await (const { key } of calm.list(output, `${pipeline}/_elements/`)) {
    (key.includes('/errors/') ? failures : predictions).push(...linesOf(await textOf(calm, output, key)));
  }
  return { predictions, failures };
}

export async function manifestOf({ calm, output }: Results, folder: string): Promise<Manifest | undefined> {
  const text = await textOf(calm, output, `${folder}/_manifest.json`);
  // The fabric's own.
  return text === undefined ? undefined : (JSON.parse(text) as Manifest);
}

/** Checks that each element has exactly one outcome, and the right one. @returns the number that failed. @throws Violation */
export function account(
  { predictions, failures }: Outcomes,
  expected: readonly Expected[],
  where: string,
  { mayBeGone = false }: AccountOptions = {},
): number {
  const wanted = new Map(expected.map((element) => [element.id, element]));
  const seen = new Set<string>();
  const see = (id: string): Expected => {
    const element = wanted.get(id);
    if (element === undefined) throw new Violation('wrong value', `${where}: there is no element ${id}`);
    hold(!seen.has(id), 'element twice', `${where}: ${id} has two outcomes`);
    seen.add(id);
    return element;
  };
  for (const { id, prediction } of predictions) {
    const { n } = see(id);
    hold(!isUnlucky(n) && prediction === 2 * n, 'wrong value', `${where}: ${id} is ${prediction}, not ${2 * n}`);
  }
  for (const { id, stage, error } of failures) {
    const isGone = error?.name === 'SourceGone';
    for (const { n } of isGone ? range(id, expected, see) : [see(id)]) {
      const isRight = isGone
        ? mayBeGone
        : stage?.endsWith('map') === true && error?.name === 'RangeError' && isUnlucky(n);
      hold(isRight, 'wrong failure', `${where}: ${id} failed at ${stage} with ${error?.name}`);
    }
  }
  const lost = expected.filter(({ id }) => !seen.has(id)).map(({ id }) => id);
  hold(lost.length === 0, 'lost element', `${where}: no outcome for ${lost.join(', ')}`);
  return expected.length - predictions.length;
}

/** The elements that one failure stands for: those of the range whose source is gone, or one. */
function range(id: string, expected: readonly Expected[], see: (id: string) => Expected): readonly Expected[] {
  const [, start, end] = /#(\d+)-(\d+)$/.exec(id) ?? [];
  if (start === undefined) return [see(id)];
  const within = expected.filter(({ position }) => position >= Number(start) && position < Number(end));
  return within.map((element) => see(element.id));
}

/** Checks the job's own files in its folder. @throws Violation */
export async function accountManifest(world: Results, folder: string, outcomes: Outcomes): Promise<Manifest> {
  const manifest = await manifestOf(world, folder);
  if (manifest === undefined) throw new Violation('job that does not end', `${folder}: there is no manifest`);
  const { status, counts } = manifest;
  const succeeded = outcomes.predictions.length;
  const failed = outcomes.failures.length;
  const isRight = counts.total === succeeded + failed && counts.succeeded === succeeded && counts.failed === failed;
  hold(status === 'complete', 'wrong manifest', `${folder}: the job is ${status}`);
  hold(isRight, 'wrong manifest', `${folder}: ${JSON.stringify(counts)} where there are ${succeeded} and ${failed}`);
  const { calm, output } = world;
  const success = await calm.head({ bucket: output, key: `${folder}/_SUCCESS` });
  hold(success !== undefined, 'wrong manifest', `${folder}: there is no _SUCCESS`);
  return manifest;
}

/** Checks that the failures, and no others, are dead letters. @throws Violation */
export function accountLetters(letters: readonly { readonly body: string }[], failures: readonly Line[]): void {
  const lettered = new Set(letters.map(({ body }) => (JSON.parse(body) as Line).id));
  const failed = new Set(failures.map(({ id }) => id));
  const without = [...failed].filter((id) => !lettered.has(id));
  const needless = [...lettered].filter((id) => !failed.has(id));
  hold(without.length === 0, 'wrong dead letters', `no dead letter for ${without.join(', ')}`);
  hold(
    needless.length === 0,
    'wrong dead letters',
    `dead letters of elements that did not fail: ${needless.join(', ')}`,
  );
}
