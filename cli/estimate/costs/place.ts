/** Where a pipeline can run, and what that costs. */
export interface Place {
  readonly name: string;
  readonly secsPerElement: number;
  /** Dollars for an element while there is always work: nothing starts, and nothing is idle. */
  readonly steadyDollars: number;
  /** What an input costs that comes when nothing runs; it grows with the elements, without leaps. */
  readonly burst: (elements: number) => Burst;
}

export interface Burst {
  /** From the first bundle's message to the last result. */
  readonly secs: number;
  /** The most runs of the function, or tasks, at once; a fraction where one is there for some of the time. */
  readonly atOnce: number;
  readonly dollars: number;
}
