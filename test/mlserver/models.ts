/** A model that train.py makes, under the name of its pipeline, and what it held out of the training. */
export interface Served {
  readonly model: string;
  readonly elements: number;
  readonly classes: number;
}

export const SERVED_CONFIG = 'examples/open-inference/fabric.config.ts';

/** `npm run test:mlserver` runs them: they need Python. */
export const SERVED: readonly Served[] = [
  { model: 'wine', elements: 54, classes: 3 },
  { model: 'breast-cancer', elements: 171, classes: 2 },
];
