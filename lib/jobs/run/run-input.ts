import { type ErrorDescription, FabricError } from '../../errors.ts';
import { type FormatName, formatOf } from '../../formats/registry.ts';
import type { SourceLocation } from '../../stores/open-source.ts';

/** An input that can't be run as it was given: it is missing, matches nothing, or gets in another's way. */
export class InputError extends FabricError {
  override readonly name = 'InputError';
  constructor(message: string, options?: ErrorOptions) {
    super('WRONG_INPUT', message, options);
  }
}

/** Parts of two configurations must not stand side by side as one job's. */
export function otherConfig(folder: string): InputError {
  return new InputError(
    `${folder} holds results of another configuration of this pipeline: '--overwrite' removes them and starts from scratch`,
  );
}

/** An object of a folder. */
export interface FoundObject extends SourceLocation {
  /** Reason that it can't be read: its element fails with this at stage `read`. */
  readonly failure?: ErrorDescription;
}

/** Where an input is, here or in S3, and its name. In S3, it is the version that was found. */
interface NamedInput extends SourceLocation {
  /** Name of its results, and start of its elements' ids: its path below what was given. */
  readonly name: string;
}

/** An object of many elements. */
export interface ObjectInput extends NamedInput {
  readonly kind: 'object';
}

/** A folder of objects that are one element each. */
export interface FolderInput extends NamedInput {
  readonly kind: 'folder';
  /** In the order of their names. */
  readonly objects: readonly FoundObject[];
}

/** An object that is one element by itself. */
export interface ElementInput extends NamedInput {
  readonly kind: 'element';
  /** Reason that it can't be read: the element fails with it. */
  readonly failure?: ErrorDescription;
}

/** An existing input that can't be run. */
export interface RejectedRunInput extends NamedInput {
  readonly kind: 'rejected';
  readonly failure: ErrorDescription;
}

/** Something to run. */
export type RunInput = ObjectInput | FolderInput | ElementInput | RejectedRunInput;

export interface ObjectInputOptions {
  readonly format: FormatName;
  readonly failure?: ErrorDescription | undefined;
}

/** An object or a file as an input. */
export function objectInput(location: SourceLocation, name: string, { format, failure }: ObjectInputOptions): RunInput {
  if (formatOf(format).holds === 'one')
    return { kind: 'element', ...location, name, ...(failure === undefined ? {} : { failure }) };
  return failure === undefined
    ? { kind: 'object', ...location, name }
    : { kind: 'rejected', ...location, name, failure };
}

/** Returns an existing input that can't be run, with the reason. */
export function rejectedInput(location: SourceLocation, name: string, reason: string): RunInput {
  return { kind: 'rejected', ...location, name, failure: { name: 'InputRejected', message: reason } };
}
