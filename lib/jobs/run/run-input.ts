import { type ErrorDescription, FabricError } from '../../errors.ts';
import type { FormatName } from '../../formats/format.ts';
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
  return new InputError(`${folder} holds results of another configuration of this pipeline: '--overwrite' starts anew`);
}

/** An object of a folder. */
export interface FoundObject extends SourceLocation {
  /** Reason that it can't be read: its element fails with this at stage `read`. */
  readonly failure?: ErrorDescription;
}

/**
 * Something to run, here or in S3: an object of many elements, a folder of objects, or an object that is one element by
 * itself. In S3, it is the version that was found. An existing input that can't be run is `rejected`.
 */
export interface RunInput extends SourceLocation {
  readonly kind: 'object' | 'folder' | 'element' | 'rejected';
  /** What its results are called, and the ids of its elements start with: its path below what was given. */
  readonly name: string;
  /** A folder's objects, in the order of their names. */
  readonly objects?: readonly FoundObject[];
  /** Reason that it can't be read. An element fails with it. */
  readonly failure?: ErrorDescription;
}

/** Whether an object of this format is one element. */
export function isObjectFormat(format: FormatName): boolean {
  return format === 'images' || format === 'binary';
}

export interface ObjectInputOptions {
  readonly format: FormatName;
  readonly failure?: ErrorDescription | undefined;
}

/** An object or a file as an input. */
export function objectInput(location: SourceLocation, name: string, { format, failure }: ObjectInputOptions): RunInput {
  if (isObjectFormat(format))
    return { kind: 'element', ...location, name, ...(failure === undefined ? {} : { failure }) };
  return failure === undefined
    ? { kind: 'object', ...location, name }
    : { kind: 'rejected', ...location, name, failure };
}

/** Returns an existing input that can't be run, with the reason. */
export function rejectedInput(location: SourceLocation, name: string, reason: string): RunInput {
  return { kind: 'rejected', ...location, name, failure: { name: 'InputRejected', message: reason } };
}
