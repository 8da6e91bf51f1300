import type { Metrics } from '../../telemetry/metrics.ts';
import type { AskOptions, BatchAnswer } from './batch-answer.ts';
import { BatchAsk } from './batch-ask.ts';
import { type Clock, SYSTEM_CLOCK } from '../../time/clock.ts';
import { EndpointConnection } from './endpoint-connection.ts';
import { EndpointRequests } from './endpoint-requests.ts';
import { EndpointWatch } from './endpoint-watch.ts';
import { FlowControl } from '../flow/flow-control.ts';
import type { EndpointInfo, RemoteModelHandler } from '../remote-model-handler.ts';
import { RequestGate } from '../flow/request-gate.ts';

export type { AskOptions, BatchAnswer } from './batch-answer.ts';

export interface RemoteEndpointOptions {
  readonly handler: RemoteModelHandler;
  readonly metrics: Metrics;
  /** Receives warnings for the user: that the endpoint throttles, fails on all requests, or answers again. */
  readonly onWarning?: (message: string) => void;
  /** @default the system's */
  readonly clock?: Clock;
  /** Random numbers from 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

/** One endpoint of an engine: its client, and the flow control that keeps requests within what the endpoint accepts. */
export class RemoteEndpoint {
  readonly #handler: RemoteModelHandler;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #flow: FlowControl;
  readonly #gate: RequestGate;
  readonly #watch: EndpointWatch;
  readonly #onWarning: (message: string) => void;
  /** Warnings of the handler that were not reported yet. */
  readonly #warnings: string[];
  #opened: Promise<OpenEndpoint> | undefined;

  constructor(options: RemoteEndpointOptions) {
    const { handler, metrics, onWarning = () => {}, clock = SYSTEM_CLOCK, random = Math.random } = options;
    const { endpointName, maxConcurrency, rateLimits } = handler;
    this.#handler = handler;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#random = random;
    this.#flow = new FlowControl({ maxConcurrency, rateLimits, now: clock.now(), random });
    this.#gate = new RequestGate(this.#flow, clock, endpointName);
    this.#watch = new EndpointWatch({ endpoint: endpointName, onWarning });
    this.#onWarning = onWarning;
    this.#warnings = [...handler.warnings];
  }

  /** Creates the client and asks for a description of the model. Later calls return the same. @throws ModelLoadError */
  async open(): Promise<EndpointInfo> {
    const { info } = await this.#open();
    return info;
  }

  /**
   * Requests a batch's predictions, with retries. Waits for its turn.
   *
   * @throws the signal's reason; EndpointBusyError if it would have to wait too long.
   */
  async ask(batch: readonly unknown[], options: AskOptions): Promise<BatchAnswer> {
    const { requests } = await this.#open();
    const common = { handler: this.#handler, metrics: this.#metrics, clock: this.#clock, random: this.#random };
    return await new BatchAsk(batch, options, { ...common, requests }).run();
  }

  /** Sets the number of engines that share the declared limits. */
  shareLimits(fleet: number): void {
    this.#flow.shareLimits(this.#clock.now(), fleet);
    this.#gate.changed();
  }

  #open(): Promise<OpenEndpoint> {
    this.#opened ??= this.#connect().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #connect(): Promise<OpenEndpoint> {
    const handler = this.#handler;
    for (const warning of this.#warnings.splice(0)) this.#onWarning(warning);
    const connection = new EndpointConnection({ handler, clock: this.#clock, random: this.#random });
    const { client, info } = await connection.open();
    const requests = new EndpointRequests({
      handler,
      client,
      gate: this.#gate,
      flow: this.#flow,
      watch: this.#watch,
      metrics: this.#metrics,
      clock: this.#clock,
    });
    requests.hasAnswered = handler.describe !== undefined && info.isUnasked !== true;
    return { info, requests };
  }
}

interface OpenEndpoint {
  readonly info: EndpointInfo;
  readonly requests: EndpointRequests;
}
