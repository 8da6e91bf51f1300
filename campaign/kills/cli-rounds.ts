import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { random as seeded } from '../../bench/random.ts';
import { descendantsOf } from '../../test/processes.ts';
import { add } from '../counts.ts';
import { isUnlucky } from '../simulation/doubles.ts';
import { byOutcome, linesOf, account } from '../simulation/ledger.ts';
import { hold } from '../violation.ts';
import type { RoundOptions } from './fleet-round.ts';
import { childEnvironment, expectGone, SOURCE_FLAGS } from './process-slot.ts';

const CLI = fileURLToPath(new URL('../../cli/fabric.ts', import.meta.url));
const CONFIG = fileURLToPath(new URL('./fleet.config.ts', import.meta.url));
const OPTIONS = ['--config', CONFIG, '--workers', '1'] as const;
const DEFAULT_ROWS = 60_000;
/** Exit status if some elements failed, as some do here. */
const SOME_FAILED = 3;
/** Maximum number of processes that are killed before one can end. */
const MAX_KILLS_IN_A_ROW = 3;

/** Folders of a round, and what its results must be. */
interface Bench {
  readonly folder: string;
  readonly temporary: string;
  readonly random: () => number;
  /** Bytes of an uninterrupted run's parts, by their paths. */
  readonly expected: Readonly<Record<string, string>>;
  /** Duration of that run. */
  readonly millis: number;
}

export interface CommandRoundOptions extends RoundOptions {
  /** Number of elements that each process of the round has. @default 60,000 */
  readonly rows?: number;
}

type Command = (output: string, isFirst: boolean) => readonly string[];

/** Kills `fabric run` and resumes it, until it ends: the bytes are those of a run that was not killed. */
export async function runRound(options: CommandRoundOptions): Promise<void> {
  await round(options, 'fabric run', (folder) => (output, isFirst) => [
    'run',
    'rows',
    join(folder, 'in/rows/rows.csv'),
    '--output',
    output,
    ...OPTIONS,
    ...(isFirst ? [] : ['--resume']),
  ]);
}

/** Kills `fabric local --once` and starts it again. */
export async function localRound(options: CommandRoundOptions): Promise<void> {
  await round(options, 'fabric local', (folder) => (output) => [
    'local',
    '--once',
    '--input',
    join(folder, 'in'),
    '--output',
    output,
    ...OPTIONS,
  ]);
}

async function round(
  { kills, seed, counts, signal, rows = DEFAULT_ROWS }: CommandRoundOptions,
  name: string,
  commandIn: (folder: string) => Command,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fabric-campaign-'));
  try {
    await mkdir(join(folder, 'in/rows'), { recursive: true });
    await mkdir(join(folder, 'tmp'));
    await writeFile(
      join(folder, 'in/rows/rows.csv'),
      `n\n${Array.from({ length: rows }, (_, n) => `${n}\n`).join('')}`,
    );
    const command = commandIn(folder);
    const bench = await uninterrupted(command, { folder, random: seeded(seed), rows });
    for (let left = kills, run = 0; left > 0 && !signal.aborted; run += 1) {
      const killed = await killedRun(command, bench, {
        name: `killed-${run}`,
        most: Math.min(left, MAX_KILLS_IN_A_ROW),
      });
      left -= Math.max(1, killed);
      if (killed > 0) add(counts.kills, name, killed);
      add(counts.elements, 'inputs', rows);
      const failures = Array.from({ length: rows }, (_, n) => n).filter(isUnlucky).length;
      add(counts.elements, 'failures', failures);
      add(counts.elements, 'predictions', rows - failures);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function uninterrupted(
  command: Command,
  { folder, random, rows }: Pick<Bench, 'folder' | 'random'> & { readonly rows: number },
): Promise<Bench> {
  const temporary = join(folder, 'tmp');
  const output = join(folder, 'whole');
  const startedAt = performance.now();
  const { status } = await ended(start(command(output, true), temporary));
  const millis = performance.now() - startedAt;
  hold(status === SOME_FAILED, 'crash', `an uninterrupted run ended with ${status}`);
  const expected = await partsBelow(output);
  expectRight(expected, rows);
  return { folder, temporary, random, expected, millis };
}

/** @returns the number of processes that were killed before one ended by itself. */
async function killedRun(
  command: Command,
  { folder, temporary, random, expected, millis }: Bench,
  { name, most }: { readonly name: string; readonly most: number },
): Promise<number> {
  const output = join(folder, name);
  let kills = 0;
  let isFirst = true;
  for (; kills < most; kills += 1) {
    const child = start(command(output, isFirst), temporary);
    isFirst = false;
    const over = ended(child);
    const isOver = await Promise.race([over.then(() => true), sleep(millis * (0.2 + 0.8 * random()), false)]);
    if (isOver) break;
    const below = descendantsOf(child.pid ?? 0);
    child.kill('SIGKILL');
    await over;
    await expectGone(below, 'of a killed command');
  }
  const { status, stderr } = await ended(start(command(output, isFirst), temporary));
  hold(status === SOME_FAILED, 'crash', `the run after ${kills} kills ended with ${status}: ${stderr}`);
  const parts = await partsBelow(output);
  hold(
    Object.keys(parts).join() === Object.keys(expected).join(),
    'lost element',
    `there are ${Object.keys(parts).join()}`,
  );
  for (const [path, text] of Object.entries(parts))
    hold(text === expected[path], 'wrong value', `the bytes of ${path} are not those of an uninterrupted run`);
  const files = [...(await filesBelow(output)), ...(await readdir(temporary))];
  const left = files.filter((path) => path.endsWith('.tmp') || path.startsWith('fabric-'));
  hold(left.length === 0, 'process or file left', `temporary files stayed: ${left.join(', ')}`);
  await rm(output, { recursive: true, force: true });
  return kills;
}

interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}

function start(args: readonly string[], temporary: string): ChildProcess {
  return spawn(process.execPath, [...SOURCE_FLAGS, CLI, ...args], {
    env: childEnvironment({ TMPDIR: temporary }),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function ended(child: ChildProcess): Promise<Ended> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // As node:child_process documents the event.
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stderr };
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}

async function partsBelow(folder: string): Promise<Readonly<Record<string, string>>> {
  const parts: Record<string, string> = {};
  for (const path of await filesBelow(folder)) {
    if (/\/(?:part|errors)-\d+-of-\d+\.jsonl$/.test(path)) parts[path] = await readFile(join(folder, path), 'utf8');
  }
  return parts;
}

/** Checks the lines of an uninterrupted run, by which those of others are judged. */
function expectRight(parts: Readonly<Record<string, string>>, rows: number): void {
  let position = 'n\n'.length;
  const elements = Array.from({ length: rows }, (_, n) => {
    const element = { id: `rows.csv#${position}`, position, n };
    position += `${n}\n`.length;
    return element;
  });
  account(byOutcome(Object.values(parts).flatMap((text) => linesOf(text))), elements, 'an uninterrupted run');
}
