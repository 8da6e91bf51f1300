/** One input of a model, as functions and handlers get it. */
export interface Element<Input = unknown> {
  /** The id in results: the configured id field, or else the position. */
  readonly id: string;
  /** Selects the model in a keyed pipeline. */
  readonly key?: string;
  /** The element's value as it was read; no step changes it. */
  readonly input: Input;
}

/** The input of an image or binary element. In JSON it is `{ uri, contentType }`. */
export interface ObjectInput {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly uri: string;
}
