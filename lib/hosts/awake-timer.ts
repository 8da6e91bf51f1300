/** Time is added up in steps of so long. */
const STEP_MILLIS = 1000;

/**
 * Calls when so much time has passed in which this machine ran: what a function is frozen for between two events does not
 * count, as neither it nor what it waits for does anything then.
 *
 * @returns what calls it off
 */
export function afterAwake(millis: number, call: () => void): () => void {
  let left = millis;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const step = Math.min(left, STEP_MILLIS);
    left -= step;
    timer = setTimeout(() => (left > 0 ? wait() : call()), step);
  };
  wait();
  return () => clearTimeout(timer);
}
