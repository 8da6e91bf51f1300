import { FabricError } from '../../lib/errors.ts';
import { InputMismatchError } from '../../lib/models/element-shape.ts';
import { NotTheProtocolError } from '../../lib/remote/http/http-client.ts';

/** A parser of bytes that come from elsewhere. */
export interface Target {
  readonly name: string;
  /** Valid inputs, from which others are made. */
  readonly seeds: readonly [Buffer, ...Buffer[]];
  /** Parses, and may throw only what is documented. */
  readonly parse: (bytes: Buffer, random: () => number) => unknown;
  /** Returns true for an error that its documentation names. @default errors of the fabric's classes */
  readonly isDocumented?: (error: unknown) => boolean;
}

export function textSeeds(...texts: readonly [unknown, ...unknown[]]): readonly [Buffer, ...Buffer[]] {
  const [first, ...others] = texts.map((text) => Buffer.from(typeof text === 'string' ? text : JSON.stringify(text)));
  return [first ?? Buffer.alloc(0), ...others];
}

export function isOwnError(error: unknown): boolean {
  return error instanceof FabricError || error instanceof NotTheProtocolError || error instanceof InputMismatchError;
}

/** The JSON value of bytes; undefined where they are not JSON. */
export function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
