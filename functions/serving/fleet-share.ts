import { describeError } from '../../lib/errors.ts';
import { type GovernorState, parseState } from '../../lib/remote/governor/state.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';

export interface FleetShareOptions {
  /** Reads what the governor has published; undefined before its first run. */
  readonly read: () => Promise<string | undefined>;
  readonly telemetry: Pick<Telemetry, 'warn'>;
  /** Takes what was read. */
  readonly onState?: ((state: GovernorState) => void) | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What shares declared limits with the rest of a fleet, as an engine does. */
export interface SharingEngine {
  shareLimits(fleet: number): void;
}

/** The governor runs once a minute. */
const AT_MOST_EVERY_MILLIS = 60_000;

/** Tells an engine of how many it is one, by what the governor has published. */
export class FleetShare {
  readonly #options: FleetShareOptions;
  #engine: SharingEngine | undefined;
  /** Before the governor's first run it is what that begins with. */
  #fleet = fleetIn(parseState(undefined));
  #readAt = -Infinity;

  constructor(options: FleetShareOptions) {
    this.#options = options;
  }

  /** From now on it is about this engine, which is told what is known. */
  follow(engine: SharingEngine): void {
    this.#engine = engine;
    engine.shareLimits(this.#fleet);
  }

  /** Reads anew, where that was not done within the last minute. What can't be read stays as it was. */
  async refresh(): Promise<void> {
    const { read, telemetry, now, onState } = this.#options;
    if (now() - this.#readAt < AT_MOST_EVERY_MILLIS) return;
    this.#readAt = now();
    try {
      const state = parseState(await read());
      onState?.(state);
      const fleet = fleetIn(state);
      if (fleet === this.#fleet) return;
      this.#fleet = fleet;
      this.#engine?.shareLimits(fleet);
    } catch (error) {
      telemetry.warn("the fleet's size could not be read", { error: describeError(error) });
    }
  }
}

function fleetIn({ concurrency, fleet = concurrency }: GovernorState): number {
  return fleet;
}
