import { placeOf } from './code-place.ts';

/**
 * Reaction of the fabric to an error.
 *
 * - `retry`: transient; the same work may succeed later.
 * - `throttle`: come back later, at no charge to the element.
 * - `poison`: this element will never work.
 * - `fatal`: the pipeline cannot go on.
 */
export type Disposition = 'retry' | 'throttle' | 'poison' | 'fatal';

export interface FabricErrorOptions extends ErrorOptions {
  readonly disposition?: Disposition;
}

/** The base of every error that a caller of this library may want to catch. `code` is stable and documented. */
export class FabricError extends Error {
  override readonly name: string = 'FabricError';
  readonly code: string;
  readonly disposition: Disposition;

  constructor(code: string, message: string, options: FabricErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.disposition = options.disposition ?? 'fatal';
  }
}

/** The configuration breaks a rule; the message names the path, the value and the rule. */
export class ConfigError extends FabricError {
  override readonly name = 'ConfigError';
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_CONFIG', message, options);
  }
}

/** A model could not be loaded: it is missing, corrupt, or not one that its handler can run. */
export class ModelLoadError extends FabricError {
  override readonly name = 'ModelLoadError';
  constructor(message: string, options?: FabricErrorOptions) {
    super('MODEL_NOT_LOADED', message, options);
  }
}

/** The element itself could not be read (stage `read`), whichever function found it out. */
export class ElementReadError extends FabricError {
  override readonly name: string;
  constructor(name: string, message: string, options?: ErrorOptions) {
    super('ELEMENT_NOT_READ', message, { ...options, disposition: 'poison' });
    this.name = name;
  }
}

/** The name and message of anything that was thrown, as an errors line states them. */
export interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  /**
   * The place in the user's code where it was thrown, if it is known: `pre.ts:4:19`, below the config file's folder.
   * Until its line is written it is an absolute path, because only a worker knows that folder.
   */
  readonly at?: string;
}

export function describeError(thrown: unknown): ErrorDescription {
  if (thrown instanceof Error) return { name: thrown.name, message: thrown.message };
  return { name: 'Error', message: textOf(thrown) };
}

/** Describes an error that a user's function or handler threw, with its place in the user's code. */
export function describeThrown(thrown: unknown): ErrorDescription {
  const description = describeError(thrown);
  // Its message about the element is all that is known.
  const at = thrown instanceof ElementReadError ? undefined : placeOf(thrown);
  return at === undefined ? description : { ...description, at };
}

/** Some values have no text: an object without a prototype, for example. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return `a value of type ${typeof thrown} was thrown`;
  }
}

/** An error in a form that is sent between threads or processes. */
export interface CarriedError extends ErrorDescription {
  readonly code?: string;
  readonly disposition?: Disposition;
}

export function carryError(thrown: unknown): CarriedError {
  const description = describeThrown(thrown);
  if (!(thrown instanceof FabricError)) return description;
  return { ...description, code: thrown.code, disposition: thrown.disposition };
}

/** Restores the error that was carried, as far as a caller can see: name, message, `code`, `disposition` and place. */
export function restoreError(carried: CarriedError): Error {
  const { name, message, at } = carried;
  const error = newError(carried);
  if (at !== undefined) error.stack = `${name}: ${message}\n    at ${at}`;
  return error;
}

function newError({ name, message, code, disposition }: CarriedError): Error {
  if (name === 'ModelLoadError') return new ModelLoadError(message, disposition === undefined ? {} : { disposition });
  if (code === undefined || disposition === undefined) return Object.assign(new Error(message), { name });
  return Object.assign(new FabricError(code, message, { disposition }), { name });
}
