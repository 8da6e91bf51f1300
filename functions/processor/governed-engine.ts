import { InferenceEngine } from '../../lib/inference/engine.ts';
import { openParameterStore } from '../parameter-store.ts';
import type { BundleSettings } from '../settings.ts';
import type { FunctionTelemetry } from '../telemetry.ts';
import { EndpointCounts } from './endpoint-counts.ts';
import { FleetShare } from './fleet-share.ts';

export interface GovernedEngineOptions extends Pick<BundleSettings, 'pipeline' | 'concurrencyParameter'> {
  readonly configUrl: URL;
  /** @default the machine's */
  readonly cores?: number;
  readonly telemetry: FunctionTelemetry;
}

/** The engines of a process, one after another, and what goes between the one there is and the pipeline's governor. */
export class GovernedEngine {
  readonly #options: GovernedEngineOptions;
  readonly #counts: EndpointCounts;
  readonly #fleet: FleetShare | undefined;

  constructor(options: GovernedEngineOptions) {
    const { pipeline, concurrencyParameter, telemetry } = options;
    this.#options = options;
    this.#counts = new EndpointCounts((name, amount) => telemetry.count(name, amount, pipeline));
    this.#fleet = concurrencyParameter === undefined ? undefined : fleetShare(concurrencyParameter, telemetry);
  }

  /** @throws ConfigError */
  async start(): Promise<InferenceEngine> {
    const { configUrl, pipeline, cores, telemetry } = this.#options;
    const starting = InferenceEngine.start({
      configUrl,
      pipeline,
      ...(cores === undefined ? {} : { cores }),
      onWarning: (message) => telemetry.warn(message),
      onModelLoaded: (loaded) => telemetry.info('a model was loaded', { ...loaded }),
      onOutput: (line) => telemetry.info('a model handler printed', { line }),
    });
    const [engine] = await Promise.all([starting, this.#fleet?.refresh()]);
    this.#counts.follow(engine);
    this.#fleet?.follow(engine);
    return engine;
  }

  /** Tells the governor what endpoints accept, and hears from it. */
  keepTouch(): void {
    this.#counts.take();
    this.#options.telemetry.publish();
    void this.#fleet?.refresh();
  }
}

function fleetShare(parameter: string, telemetry: FunctionTelemetry): FleetShare {
  const parameters = openParameterStore();
  return new FleetShare({ read: () => parameters.read(parameter), telemetry, now: Date.now });
}
