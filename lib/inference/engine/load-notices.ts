import type { ModelInfo } from '../../hosts/protocol.ts';
import { deviceWarning, isOnCpu } from '../../models/device-session.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/** A copy of a model that has been loaded. */
export interface LoadedCopy {
  /** Place of its handler in the config: `breast-cancer/steps[0].handler`. */
  readonly place: string;
  /** Label of the model in result lines. */
  readonly model: string;
  /** Execution providers of the session, in order; absent if the model asked for no device. */
  readonly providers?: readonly string[];
  readonly loadMillis: number;
}

export interface LoadNoticesOptions {
  readonly place: string;
  readonly metrics: Metrics;
  /** Receives messages that a user should know or act on. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Called after each load of a copy. */
  readonly onModelLoaded?: ((loaded: LoadedCopy) => void) | undefined;
}

/** Reports what happens to a model: its loads as metrics and events, and each warning once, whatever copy it is about. */
export class LoadNotices {
  readonly #options: LoadNoticesOptions;
  readonly #warned = new Set<string>();

  constructor(options: LoadNoticesOptions) {
    this.#options = options;
  }

  /** Reports that a copy of the model has been loaded. */
  loaded({ label, device, warning, loadMillis, modelBytes }: ModelInfo): void {
    const { metrics, place, onModelLoaded } = this.#options;
    metrics.add('model_loads', 1);
    metrics.record('load_model_latency_milli_secs', loadMillis);
    metrics.record('model_byte_size', modelBytes);
    const providers = device === undefined ? {} : { providers: device.providers };
    onModelLoaded?.({ place, model: label, ...providers, loadMillis });
    if (warning !== undefined) this.warnOnce(warning, `the model of ${place} ${warning}`);
    if (device === undefined) return;
    if (device.missing.length > 0 && isOnCpu(device.providers)) metrics.add('model_cpu_fallbacks', 1);
    const missing = deviceWarning(place, device);
    if (missing !== undefined) this.warnOnce(missing, missing);
  }

  /** @param kind - identifies the warning: a second one of the same kind is dropped */
  warnOnce(kind: string, warning: string): void {
    if (this.#warned.has(kind)) return;
    this.#warned.add(kind);
    this.#options.onWarning?.(warning);
  }
}
