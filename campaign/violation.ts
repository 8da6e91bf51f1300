/** Kinds of broken promises, by which a campaign counts them. */
export type ViolationKind =
  | 'lost element'
  | 'element twice'
  | 'wrong value'
  | 'wrong failure'
  | 'message without an outcome'
  | 'job that does not end'
  | 'wrong manifest'
  | 'wrong dead letters'
  | 'process or file left'
  | 'crash';

/** A promise of the fabric that does not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly kind: ViolationKind;
  constructor(kind: ViolationKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** @throws Violation of a kind where a condition does not hold. */
export function hold(condition: boolean, kind: ViolationKind, message: string): void {
  if (!condition) throw new Violation(kind, message);
}
