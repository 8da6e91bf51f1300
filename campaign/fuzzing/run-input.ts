import { random as seeded } from '../../bench/random.ts';
import { add, type Counts, noCounts, noteViolation } from '../counts.ts';
import { hold } from '../violation.ts';
import { binaryTargets } from './binary-targets.ts';
import { compareCuts } from './documents.ts';
import { MESSAGE_TARGETS } from './message-targets.ts';
import { mutated } from './mutate.ts';
import { compareLines } from './number-lines.ts';
import { REMOTE_TARGETS } from './remote-targets.ts';
import { isOwnError, type Target } from './target.ts';

/** An input of a few KiB that takes longer is not parsed in linear time. */
const MAX_MILLIS = 3000;
/** Number of inputs of which one is a document that is cut; the others go to the parsers in turn. */
const DOCUMENT_EVERY = 3;
/**
 * Number of inputs of which one is lines of numbers, for two readers: it takes as long as many other inputs. It is odd, so
 * that each of two processes gets them, and a multiple of the above, so that documents stay what they are.
 */
const NUMBERS_EVERY = 51;
const SEED_FACTOR = 1_000_003;

/** All fuzzers. */
export type Fuzzers = readonly Target[];

export async function openFuzzers(): Promise<Fuzzers> {
  return [...MESSAGE_TARGETS, ...REMOTE_TARGETS, ...(await binaryTargets())];
}

/** Runs one input, which its number and the campaign's seed decide. */
export async function runInput(fuzzers: Fuzzers, seed: number, input: number): Promise<Counts> {
  const counts = noCounts();
  const random = seeded(seed * SEED_FACTOR + input);
  const startedAt = process.cpuUsage();
  let name = 'documents';
  try {
    if (input % NUMBERS_EVERY === NUMBERS_EVERY - 1) {
      name = 'lines of numbers';
      const { format, lines, packed } = await compareLines(random);
      add(counts.runs, `lines of numbers: ${format}`);
      add(counts.elements, 'lines of numbers, read in two ways', lines);
      add(counts.elements, 'lines of numbers that were packed', packed);
    } else if (input % DOCUMENT_EVERY === 0) {
      const { format, comparisons } = await compareCuts(random);
      add(counts.runs, `documents: ${format}`);
      add(counts.elements, 'comparisons of documents', comparisons);
    } else {
      const target = fuzzers[input % fuzzers.length];
      if (target === undefined) return counts;
      name = target.name;
      add(counts.runs, name);
      await parse(target, random);
    }
    const { user, system } = process.cpuUsage(startedAt);
    const millis = (user + system) / 1000;
    hold(millis < MAX_MILLIS, 'crash', `${name} took ${Math.round(millis)} ms of CPU`);
    expectCleanPrototypes();
  } catch (error) {
    noteViolation(counts, `--seed ${seed} --input ${input} (${name})`, error);
  }
  return counts;
}

async function parse({ seeds, parse, isDocumented = isOwnError }: Target, random: () => number): Promise<void> {
  try {
    await parse(mutated(seeds, random), random);
  } catch (error) {
    if (!isDocumented(error)) throw error;
  }
}

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype] as const;
const NAMES = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);

/** @throws Violation where an input has changed what all objects inherit */
function expectCleanPrototypes(): void {
  const isClean = PROTOTYPES.every((prototype, index) => Reflect.ownKeys(prototype).length === NAMES[index]);
  hold(isClean && !('polluted' in {}), 'wrong value', 'a prototype was polluted');
}
