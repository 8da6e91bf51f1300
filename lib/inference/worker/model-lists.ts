import type { ModelLabel } from '../worker-protocol.ts';

type Models = readonly ModelLabel[] | undefined;

/**
 * Joins lists of models. Most elements of a bundle have the same lists, and then share one joined list: the end of a line
 * is built again only for another list.
 */
export class ModelLists {
  #first: Models;
  #then: Models;
  #joined: Models;

  /** The models of one list, then those of the other. */
  join(first: Models, then: Models): Models {
    if (first === undefined || then === undefined) return first ?? then;
    if (first !== this.#first || then !== this.#then || this.#joined === undefined) {
      this.#first = first;
      this.#then = then;
      this.#joined = [...first, ...then];
    }
    return this.#joined;
  }
}

/** The models of one list, then those of the other that the first does not have. */
export function unionOfModels(first: Models, then: Models): Models {
  if (first === then || first === undefined || then === undefined) return first ?? then;
  const added = then.filter(({ label }) => !first.some((model) => model.label === label));
  return added.length === 0 ? first : [...first, ...added];
}
