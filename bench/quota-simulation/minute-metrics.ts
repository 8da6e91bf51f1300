import type { MinuteCounts } from '../../lib/remote/governor/observation.ts';

const MINUTE = 60_000;
/** A minute is whole so long after its end; of the one after it there is a part by then, of later ones nothing. */
const LAG_MILLIS = 2 * MINUTE;
const PART = 0.4;
const KEPT_MINUTES = 10;

/** The counts of all engines by the minute, as late as CloudWatch shows them. */
export class MinuteMetrics {
  #minutes: MinuteCounts[] = [];

  add(now: number, { accepted, throttled, waitedMillis }: Omit<MinuteCounts, 'at'>): void {
    if (accepted + throttled + waitedMillis === 0) return;
    const at = now - (now % MINUTE);
    const last = this.#minutes.at(-1);
    const before = last?.at === at ? last : { accepted: 0, throttled: 0, waitedMillis: 0 };
    if (last?.at === at) this.#minutes.pop();
    this.#minutes.push({
      at,
      accepted: before.accepted + accepted,
      throttled: before.throttled + throttled,
      waitedMillis: before.waitedMillis + waitedMillis,
    });
    this.#minutes = this.#minutes.slice(-KEPT_MINUTES - LAG_MILLIS / MINUTE - 1);
  }

  shownAt(now: number): readonly MinuteCounts[] {
    return this.#minutes.flatMap((minute) => {
      const age = now - (minute.at + MINUTE);
      if (age >= LAG_MILLIS) return minute;
      if (age < LAG_MILLIS - MINUTE) return [];
      const { at, accepted, throttled, waitedMillis } = minute;
      return { at, accepted: accepted * PART, throttled: throttled * PART, waitedMillis: waitedMillis * PART };
    });
  }
}
