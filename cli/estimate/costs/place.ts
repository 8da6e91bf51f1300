/** A place where a pipeline can run, with its costs. */
export interface Place {
  readonly name: string;
  readonly secsPerElement: number;
  /** Dollars per element under constant load: nothing starts, and nothing is idle. */
  readonly steadyDollars: number;
  /** Returns time and cost of an input that arrives when nothing runs. They grow steadily with the number of elements. */
  readonly burst: (elements: number) => Burst;
}

export interface Burst {
  /** Seconds from the message of the first bundle to the last result. */
  readonly secs: number;
  /** Maximum concurrent runs of the function, or tasks. A fraction means that one runs for some of the time. */
  readonly atOnce: number;
  readonly dollars: number;
}
