import type { GovernorPorts, WholeMinutes } from '../../functions/governor/ports.ts';
import type { MinuteCounts } from '../../lib/remote/governor/observation.ts';
import { type GovernorState, parseState } from '../../lib/remote/governor/state.ts';
import type { GovernedPipeline, GovernedPoller } from '../../functions/settings.ts';

export const MINUTE = 60_000;
/** Not at the beginning of a minute. */
export const NOON = Date.UTC(2026, 10, 21, 12) + 1234;

/** What a pipeline of the world is at first. */
interface GovernedFacts {
  maxConcurrency?: number | undefined;
  isEnabled?: boolean;
  batchSize?: number;
  visible?: number;
  delayed?: number;
  inFlight?: number;
  minutes?: readonly MinuteCounts[];
  parameter?: string;
  ceiling?: number;
  /** Whether tasks take its bundles, and the fewest that there may be. */
  service?: { readonly minTasks: number };
}

/** Pollers, queues, metrics and parameters of pipelines, in memory. */
export class GovernedWorld {
  now = NOON;
  readonly pipelines: readonly GovernedPipeline[];
  readonly facts: ReadonlyMap<string, GovernedFacts>;
  readonly parameters = new Map<string, string>();
  /** What was asked of it and changes it or costs something: `set wine 5`, `write wine`, `metrics wine`. */
  readonly log: string[] = [];
  readonly minutesAsked: WholeMinutes[] = [];
  /** Those calls fail that these are the beginnings of. */
  readonly failing = new Set<string>();
  /** Pollers that are being changed. */
  readonly busy = new Set<string>();

  constructor(facts: Readonly<Record<string, GovernedFacts>>) {
    this.facts = new Map(Object.entries(facts));
    this.pipelines = Object.entries(facts).map(([name, { ceiling, parameter, service }]) => {
      if (parameter !== undefined) this.parameters.set(name, parameter);
      const poller: GovernedPoller =
        service === undefined ? { kind: 'mapping', id: name } : { kind: 'service', cluster: 'all', service: name };
      return { name, poller, queue: name, parameter: name, ceiling };
    });
  }

  of(name: string): GovernedFacts {
    const facts = this.facts.get(name);
    if (facts === undefined) throw new RangeError(`there is no pipeline ${name}`);
    return facts;
  }

  stateOf(name: string): GovernorState {
    return parseState(this.parameters.get(name));
  }

  get ports(): GovernorPorts {
    return {
      metrics: {
        minutesOf: async ({ name }, time) => {
          this.#call(`metrics ${name}`);
          this.minutesAsked.push(time);
          return this.of(name).minutes ?? [];
        },
      },
      pollers: {
        read: async (poller) => {
          const name = nameOf(poller);
          if (this.failing.has(`read ${name}`)) throw new Error('no answer');
          const { maxConcurrency, isEnabled = true, batchSize = 1, service } = this.of(name);
          const least = service === undefined ? 2 : Math.max(1, service.minTasks);
          return { isEnabled, least, batchSize, ...(maxConcurrency === undefined ? {} : { maxConcurrency }) };
        },
        setMaxConcurrency: async (poller, concurrency) => {
          const name = nameOf(poller);
          this.#call(`set ${name}`);
          if (this.busy.has(name)) return false;
          this.of(name).maxConcurrency = concurrency;
          return true;
        },
      },
      backlogOf: async (name) => {
        const { visible = 0, delayed = 0, inFlight = 0 } = this.of(name);
        return { visible, delayed, inFlight };
      },
      parameters: {
        read: async (name) => this.parameters.get(name),
        write: async (name, value) => {
          this.#call(`write ${name}`);
          this.parameters.set(name, value);
        },
      },
    };
  }

  #call(what: string): void {
    if (this.failing.has(what)) throw new Error('no answer');
    this.log.push(what);
  }
}

function nameOf(poller: GovernedPoller): string {
  return poller.kind === 'mapping' ? poller.id : poller.service;
}
