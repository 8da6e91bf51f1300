import type { ErrorDescription } from '../../errors.ts';
import { type ErrorsLine, parseErrorsLine } from '../commit/errors-line.ts';
import { messageShape, wideShape } from './message-shape.ts';

/** Failures that have one reason: they failed at one stage, with one error, at one place in the user's code. */
export interface FailureGroup {
  readonly stage: string;
  /** Error of the first failure, with its whole message. */
  readonly error: ErrorDescription;
  readonly count: number;
  /** Id of the first failure. */
  readonly id: string;
  /** True if the messages of the group differ, by numbers, ids or quoted values. */
  readonly isVaried: boolean;
}

/** Fields of a failure that are kept. */
export type GroupedFailure = Pick<ErrorsLine, 'id' | 'stage' | 'error'>;

/** Maximum number of groups; failures of further kinds are counted together. */
const MAX_GROUPS = 1000;
/** Maximum number of groups that differ only by quoted names. More become one group, as the names are of elements. */
const MAX_NAMES = 10;
/** Maximum number of cached error texts, which find a line's group without parsing the line. */
const MAX_TEXTS = 1000;

/** A group while it is counted. */
interface OpenGroup {
  readonly stage: string;
  readonly error: ErrorDescription;
  readonly id: string;
  count: number;
  isVaried: boolean;
}

/** Groups that differ only by names. */
interface Family {
  readonly keys: string[];
  isOne: boolean;
}

/** Counts failures by reason, in bounded memory. Groups are in the order of their first failures. */
export class FailureGroups {
  readonly #groups = new Map<string, OpenGroup>();
  readonly #families = new Map<string, Family>();
  /** Keys of groups by the text of the stage and error in a line. */
  readonly #texts = new Map<string, string>();
  #others = 0;
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Number of failures of further kinds than are kept. */
  get others(): number {
    return this.#others;
  }

  /** Returns the groups, the largest first. */
  list(): readonly FailureGroup[] {
    return [...this.#groups.values()].toSorted((one, other) => other.count - one.count);
  }

  add(failure: GroupedFailure): void {
    this.#count(failure, 1, false);
  }

  /** Adds a line of an errors part. Parses little of it: its input may be large, and its error is often known. */
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
    // A copy: a substring would keep the whole chunk that was read in memory.
    if (added !== undefined && this.#texts.size < MAX_TEXTS) this.#texts.set(Buffer.from(text).toString(), added);
  }

  /** Adds the groups of failures that come after those counted here. */
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

  /** Joins the groups of a family into one. */
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
 * Returns the text of the stage and the error in an errors line. Only ids and keys come before it, and JSON escapes the
 * quotes in those. Undefined for a line that another program wrote.
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
