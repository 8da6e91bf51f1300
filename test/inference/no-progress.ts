import type { Progress } from '../../lib/inference/progress.ts';

/** Progress that no engine looks at. */
export const NO_PROGRESS: Progress = {
  enter: () => {},
  leave: () => {},
  within: (_, work) => work(),
  hold: () => ({ [Symbol.dispose]: () => {} }),
  beat: () => {},
};
