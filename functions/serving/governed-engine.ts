import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import type { GovernorState } from '../../lib/remote/governor/state.ts';
import { openParameterStore } from '../parameter-store.ts';
import type { BundleSettings } from '../environment.ts';
import type { FunctionTelemetry } from '../telemetry.ts';
import { EngineCounts } from './engine-counts.ts';
import { FleetShare } from './fleet-share.ts';

/** Options of a GovernedEngine. */
export interface GovernedEngineOptions extends Pick<BundleSettings, 'pipeline' | 'concurrencyParameter'> {
  readonly configUrl: URL;
  /** Cores that the engine can use. @default - all cores of the machine */
  readonly cores?: number;
  /** Worker threads. @default - one for each core */
  readonly workers?: number;
  readonly telemetry: FunctionTelemetry;
  /** Called with the state that the pipeline's governor has published. @default - not called */
  readonly onGoverned?: ((state: GovernorState) => void) | undefined;
}

/** Starts the engines of a process, one after another, and connects the current one with the pipeline's governor. */
export class GovernedEngine {
  readonly #options: GovernedEngineOptions;
  readonly #counts: EngineCounts;
  readonly #fleet: FleetShare | undefined;

  constructor(options: GovernedEngineOptions) {
    const { pipeline, telemetry } = options;
    this.#options = options;
    this.#counts = new EngineCounts((name, amount) => telemetry.count(name, amount, pipeline));
    this.#fleet = fleetShare(options);
  }

  /** @throws ConfigError */
  async start(): Promise<InferenceEngine> {
    const { configUrl, pipeline, cores, workers, telemetry } = this.#options;
    const starting = InferenceEngine.start({
      configUrl,
      pipeline,
      ...(cores === undefined ? {} : { cores }),
      ...(workers === undefined ? {} : { workers }),
      onWarning: (message) => telemetry.warn(message),
      onModelLoaded: (loaded) => telemetry.info('a model was loaded', { ...loaded }),
      onOutput: (line) => telemetry.info('a model handler printed', { line }),
    });
    const [engine] = await Promise.all([starting, this.#fleet?.refresh()]);
    this.#counts.follow(engine);
    this.#fleet?.follow(engine);
    return engine;
  }

  /** Publishes the engine's counters, by which the governor decides, and reads what the governor has decided. */
  sync(): void {
    this.#counts.report();
    this.#options.telemetry.publish();
    void this.#fleet?.refresh();
  }
}

function fleetShare({ concurrencyParameter, telemetry, onGoverned }: GovernedEngineOptions): FleetShare | undefined {
  if (concurrencyParameter === undefined) return undefined;
  const parameters = openParameterStore();
  const read = (): Promise<string | undefined> => parameters.read(concurrencyParameter);
  return new FleetShare({ read, telemetry, onState: onGoverned, now: Date.now });
}
