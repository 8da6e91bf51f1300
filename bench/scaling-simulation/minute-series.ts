export const MINUTE_SECS = 60;

/** Value of a metric for one minute; undefined if it has no value, or if the value is not shown yet. */
export type MinuteValue = (minute: number, now: number) => number | undefined;

/** A metric with one datapoint a minute at most, each shown some time after it was taken. */
export class MinuteSeries {
  readonly #values: (number | undefined)[] = [];
  readonly #shownAt: number[] = [];

  add(minute: number, value: number, shownAt: number): void {
    while (this.#values.length < minute) {
      this.#values.push(undefined);
      this.#shownAt.push(Infinity);
    }
    this.#values[minute] = value;
    this.#shownAt[minute] = shownAt;
  }

  readonly at: MinuteValue = (minute, now) =>
    (this.#shownAt[minute] ?? Infinity) <= now ? this.#values[minute] : undefined;
}
