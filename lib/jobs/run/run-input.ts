import { FabricError } from '../../errors.ts';
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

/**
 * Something to run, here or in S3: an object of many elements, a folder of objects, or an object that is one element by
 * itself. What is in S3 is the version that was found.
 */
export interface RunInput extends SourceLocation {
  readonly kind: 'object' | 'folder' | 'element';
  /** What its results are called, and the ids of its elements start with: its path below what was given. */
  readonly name: string;
  /** A folder's objects, in the order of their names. */
  readonly objects?: readonly SourceLocation[];
}

/** Whether an object of this format is one element. */
export function isObjectFormat(format: FormatName): boolean {
  return format === 'images' || format === 'binary';
}

/** An object or a file as an input. */
export function objectInput(location: SourceLocation, name: string, format: FormatName): RunInput {
  return { kind: isObjectFormat(format) ? 'element' : 'object', ...location, name };
}
