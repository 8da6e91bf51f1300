/** One thing to infer on, as functions and handlers see it. */
export interface Element<Input = unknown> {
  /** What is shown in results: the configured id field, or else the position. */
  readonly id: string;
  /** Chooses the model in a keyed pipeline. */
  readonly key?: string;
  /** The element as it was read; no step changes it. */
  readonly input: Input;
}

/** The input of an image or binary element. In JSON it is `{ uri, contentType }`. */
export interface ObjectInput {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly uri: string;
}
