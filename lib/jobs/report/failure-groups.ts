import type { ErrorDescription } from '../../errors.ts';
import { type ErrorsLine, parseErrorsLine } from '../commit/errors-line.ts';
import { messageShape, wideShape } from './message-shape.ts';

/** Failures that have one reason: they failed at one stage, with one error, at one place in the user's code. */
export interface FailureGroup {
  readonly stage: string;
  /** The first one's, its message whole. */
  readonly error: ErrorDescription;
  readonly count: number;
  /** The first one's id. */
  readonly id: string;
  /** Whether the messages of the others are not all the same: they differ by numbers, ids or quoted values. */
  readonly isVaried: boolean;
}

/** What is kept of a failure. */
export type GroupedFailure = Pick<ErrorsLine, 'id' | 'stage' | 'error'>;

/** Groups that are kept; failures of more kinds are counted together. */
const MAX_GROUPS = 1000;
/** Groups that differ by names in quotes alone: of more, all are one group, for then they name elements. */
const MAX_NAMES = 10;
/** Texts of errors by which a line's group is found without a look at its parts. */
const MAX_TEXTS = 1000;

/** A group while it is counted. */
interface OpenGroup {
  readonly stage: string;
  readonly error: ErrorDescription;
  readonly id: string;
  count: number;
  isVaried: boolean;
}

/** Groups that differ by names alone. */
interface Family {
  readonly keys: string[];
  isOne: boolean;
}

/** Counts failures by reason, in memory that is bounded by the number of reasons. Groups are in the order of their first failures. */
export class FailureGroups {
  readonly #groups = new Map<string, OpenGroup>();
  readonly #families = new Map<string, Family>();
  /** The keys of groups by the stage and error of lines, as they are written there. */
  readonly #texts = new Map<string, string>();
  #others = 0;
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Failures of more kinds than are kept. */
  get others(): number {
    return this.#others;
  }

  /** The groups, the largest first. */
  list(): readonly FailureGroup[] {
    return [...this.#groups.values()].toSorted((one, other) => other.count - one.count);
  }

  add(failure: GroupedFailure): void {
    this.#count(failure, 1, false);
  }

  /** Adds a line of an errors part, most of which is not parsed: its input may be large, and its error is often known. */
  addLine(line: string): void {
    const text = errorText(line);
    if (text === undefined) return this.add(parseErrorsLine(line));
    const key = this.#texts.get(text);
    const known = key === undefined ? undefined : this.#groups.get(key);
    if (known !== undefined) {
      known.count += 1;
      this.#total += 1;
      return;
    }
    const failure = failureOf(line, text);
    const added = this.#count(failure, 1, false);
    // A copy: a piece of a line keeps all that was read with it.
    if (added !== undefined && this.#texts.size < MAX_TEXTS) this.#texts.set(Buffer.from(text).toString(), added);
  }

  /** Adds what was counted elsewhere, of failures that come after those here. */
  merge(other: FailureGroups): void {
    for (const [wide, { isOne }] of other.#families) if (isOne) this.#join(wide);
    for (const { count, isVaried, ...failure } of other.#groups.values()) this.#count(failure, count, isVaried);
    this.#others += other.#others;
    this.#total += other.#others;
  }

  /** @returns the group's key, if it is kept */
  #count({ id, stage, error }: GroupedFailure, count: number, isVaried: boolean): string | undefined {
    this.#total += count;
    const key = this.#keyOf(stage, error);
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.count += count;
      group.isVaried ||= isVaried || group.error.message !== error.message;
      return key;
    }
    if (this.#groups.size >= MAX_GROUPS) {
      this.#others += count;
      return undefined;
    }
    this.#groups.set(key, { id, stage, error, count, isVaried });
    return key;
  }

  #keyOf(stage: string, { name, message, at }: ErrorDescription): string {
    const shape = messageShape(message);
    const wide = JSON.stringify([stage, name, at, wideShape(shape)]);
    const key = JSON.stringify([stage, name, at, shape]);
    const family = this.#families.get(wide) ?? { keys: [], isOne: false };
    if (family.isOne) return wide;
    if (family.keys.includes(key) || this.#groups.size >= MAX_GROUPS) return key;
    this.#families.set(wide, family);
    family.keys.push(key);
    if (family.keys.length <= MAX_NAMES) return key;
    this.#join(wide);
    return wide;
  }

  /** Makes one group of those of a family. */
  #join(wide: string): void {
    const family = this.#families.get(wide) ?? { keys: [], isOne: false };
    this.#families.set(wide, family);
    if (family.isOne) return;
    family.isOne = true;
    const groups = family.keys.flatMap((key) => this.#groups.get(key) ?? []);
    for (const key of family.keys.splice(0)) this.#groups.delete(key);
    const [first] = groups;
    if (first === undefined) return;
    const count = groups.reduce((sum, group) => sum + group.count, 0);
    this.#groups.set(wide, { ...first, count, isVaried: true });
  }
}

/**
 * The stage and the error of an errors line, as they stand there: what comes before is ids and keys, and no text in JSON
 * has quotes that are not escaped. Undefined for a line that another program wrote.
 */
function errorText(line: string): string | undefined {
  const start = line.indexOf(',"stage":"');
  const end = start < 0 ? -1 : line.indexOf('},"attempts":', start);
  return end < 0 || !line.startsWith('{"id":') ? undefined : line.slice(start + 1, end + 1);
}

function failureOf(line: string, text: string): GroupedFailure {
  const head = line.slice(0, line.indexOf(',"stage":"'));
  return JSON.parse(`${head},${text}}`) as GroupedFailure;
}
