import { random as randomNumbers } from '../../bench/random.ts';
import { RemoteEndpoint } from '../../lib/remote/endpoint/remote-endpoint.ts';
import { Metrics } from '../../lib/telemetry/metrics.ts';
import { SimulatedEndpoint, type SimulatedEndpointOptions, SimulatedHandler } from './simulated-endpoint.ts';
import { VirtualClock } from './virtual-clock.ts';

const NEVER = new AbortController().signal;

export interface SimulatedFleetOptions extends Omit<SimulatedEndpointOptions, 'clock' | 'random'> {
  readonly engines: number;
  readonly seed: number;
  /** Batches of an engine that wait or are in flight. @default 8 */
  readonly batchesAtOnce?: number;
}

/** Engines that share an endpoint and the queue that their work comes from, and nothing else; all in virtual time. */
export class SimulatedFleet {
  readonly clock = new VirtualClock();
  readonly server: SimulatedEndpoint;
  readonly engines: readonly RemoteEndpoint[];
  readonly metrics: readonly Metrics[];
  readonly warnings: string[] = [];
  readonly #batchesAtOnce: number;
  #isStopped = false;

  constructor({ engines, seed, batchesAtOnce = 8, ...options }: SimulatedFleetOptions) {
    const { clock } = this;
    this.#batchesAtOnce = batchesAtOnce;
    const random = randomNumbers(seed);
    this.server = new SimulatedEndpoint({ clock, random, ...options });
    this.metrics = Array.from({ length: engines }, () => new Metrics());
    const onWarning = (message: string): void => void this.warnings.push(message);
    this.engines = this.metrics.map(
      (metrics) =>
        new RemoteEndpoint({ handler: new SimulatedHandler(this.server), metrics, onWarning, clock, random }),
    );
  }

  /** Lets all engines make a number of requests. @returns the numbers of valid answers and of failures */
  async work(requests: number): Promise<{ succeeded: number; failed: number }> {
    let next = 0;
    const counts = { succeeded: 0, failed: 0 };
    const askOn = async (engine: RemoteEndpoint): Promise<void> => {
      while (next < requests && !this.#isStopped) {
        const input = next++;
        const answer = await engine.ask([input], {
          weight: 1,
          timeoutMillis: 60_000,
          isolating: false,
          signal: NEVER,
          killSignal: NEVER,
        });
        const [first] = answer.kind === 'answered' ? answer.answers : [];
        if (first?.ok === true && first.value === 2 * input) counts.succeeded += 1;
        else counts.failed += 1;
      }
    };
    const lines = this.engines.flatMap((engine) => Array.from({ length: this.#batchesAtOnce }, () => askOn(engine)));
    await this.clock.run(Promise.all(lines));
    return counts;
  }

  /** Runs steps, each at its second, while all engines have enough to do. */
  async workThrough(steps: readonly (readonly [secs: number, step: () => void])[]): Promise<void> {
    const stop = (): void => void (this.#isStopped = true);
    for (const [secs, step] of steps) this.clock.setTimeout(step, secs * 1000);
    const last = Math.max(...steps.map(([secs]) => secs));
    this.clock.setTimeout(stop, last * 1000);
    await this.work(Infinity);
  }

  /** Requests a second that arrived from one second to another. */
  rate(fromSecs: number, toSecs: number, answer?: 'accepted' | 'throttled' | 'failed'): number {
    return this.server.count(fromSecs * 1000, toSecs * 1000, answer) / (toSecs - fromSecs);
  }
}
