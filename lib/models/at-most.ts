/** Starts work as soon as fewer than a number of others are in flight, in the order of the calls. */
export type Admit = <T>(work: () => Promise<T>) => Promise<T>;

/** @param most - maximum number of calls in flight. */
export function atMost(most: number): Admit {
  let inFlight = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (inFlight < most) inFlight += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      // The next one takes this one's place.
      if (next === undefined) inFlight -= 1;
      else next();
    }
  };
}
