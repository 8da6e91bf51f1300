import { describeError } from '../../lib/errors.ts';
import { type GovernorState, parseState } from '../../lib/remote/governor/state.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';

/** Options of a FleetShare. */
export interface FleetShareOptions {
  /** Reads the state that the governor has published; undefined before its first run. */
  readonly read: () => Promise<string | undefined>;
  readonly telemetry: Pick<Telemetry, 'warn'>;
  /** Called with each state that was read. @default - not called */
  readonly onState?: ((state: GovernorState) => void) | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** An engine that shares declared limits with the rest of its fleet. */
export interface SharingEngine {
  shareLimits(fleet: number): void;
}

/** The governor runs once a minute. */
const MIN_REFRESH_MILLIS = 60_000;

/** Passes the size of the fleet, which the governor publishes, to an engine. */
export class FleetShare {
  readonly #options: FleetShareOptions;
  #engine: SharingEngine | undefined;
  /** Before the governor's first run: its initial value. */
  #fleet = fleetIn(parseState(undefined));
  #readAt = -Infinity;

  constructor(options: FleetShareOptions) {
    this.#options = options;
  }

  /** Follows this engine, and passes it the last known size. */
  follow(engine: SharingEngine): void {
    this.#engine = engine;
    engine.shareLimits(this.#fleet);
  }

  /** Reads the state, at most once a minute. If it can't be read, the last known size stays. */
  async refresh(): Promise<void> {
    const { read, telemetry, now, onState } = this.#options;
    if (now() - this.#readAt < MIN_REFRESH_MILLIS) return;
    this.#readAt = now();
    try {
      const state = parseState(await read());
      onState?.(state);
      const fleet = fleetIn(state);
      if (fleet === this.#fleet) return;
      this.#fleet = fleet;
      this.#engine?.shareLimits(fleet);
    } catch (error) {
      telemetry.warn('could not read the size of the fleet', { error: describeError(error) });
    }
  }
}

function fleetIn({ concurrency, fleet = concurrency }: GovernorState): number {
  return fleet;
}
