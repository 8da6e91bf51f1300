/** Use of a field's value by a scanner. */
export type FieldUse =
  | { readonly kind: 'number'; readonly input: number; readonly column: number }
  | { readonly kind: 'numbers'; readonly input: number }
  | { readonly kind: 'id' | 'key' }
  /** Its elements are left to the general reader. */
  | { readonly kind: 'leave' };

/** Names of the fields that hold ids and keys; undefined if elements have none. */
export interface FieldNames {
  readonly id: string | undefined;
  readonly key: string | undefined;
}
