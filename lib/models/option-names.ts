import { nearestName, suggestion } from '../nearest-name.ts';

/**
 * Names of the options that a handler's constructor takes. One is declared beside each options interface, and
 * `satisfies Record<keyof Options, true>` lets the compiler check that it is complete.
 */
export type OptionNames = Readonly<Record<string, true>>;

/** A class of handlers. One that declares `optionNames` takes no other options; one that inherits them can add some. */
export interface HandlerClass {
  readonly name: string;
  readonly optionNames: OptionNames;
}

/** Minimum length of a subclass's option to be treated as misspelt, if a few edits lead to a known name. */
const MIN_MISSPELT_LETTERS = 6;
const LETTERS_PER_EDIT = 4;
const MAX_EDITS = 3;

/**
 * Refuses options that a handler does not have. A subclass that declares no `optionNames` can pass on its own options:
 * for it, only likely misspellings of known names are refused.
 *
 * @throws TypeError that names the option and the nearest one
 */
export function checkOptionNames(options: object, handler: HandlerClass): void {
  const { name, optionNames } = handler;
  const isComplete = Object.hasOwn(handler, 'optionNames');
  const known = Object.keys(optionNames);
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(optionNames, option)) continue;
    if (isComplete) throw unknownOption(name, option, known);
    const nearest = nearestName(option, known);
    if (nearest === undefined || !isMisspelt(option, nearest.edits)) continue;
    throw new TypeError(
      `${unknownOption(name, option, known).message} An option of the subclass itself must not be passed to super(), or be named in its static 'optionNames'`,
    );
  }
}

/** Returns the options if the handler has all of them: for a constructor that reads them before it has `this`. */
export function withKnownNames<Options extends object>(options: Options, handler: HandlerClass): Options {
  checkOptionNames(options, handler);
  return options;
}

/** @throws TypeError if an object within the options has an unknown field */
export function checkFieldNames(fields: object, known: OptionNames, where: { handler: string; option: string }): void {
  for (const field of Object.keys(fields)) {
    if (Object.hasOwn(known, field)) continue;
    const near = suggestion(field, Object.keys(known));
    throw new TypeError(`Cannot create ${where.handler}: '${where.option}' has no field '${field}'${near}`);
  }
}

function unknownOption(handler: string, option: string, known: readonly string[]): TypeError {
  return new TypeError(`Cannot create ${handler}: unknown option '${option}'${suggestion(option, known)}`);
}

function isMisspelt(option: string, edits: number): boolean {
  if (edits === 0) return true;
  return option.length >= MIN_MISSPELT_LETTERS && edits <= Math.min(MAX_EDITS, option.length / LETTERS_PER_EDIT);
}
