import { describeError } from '../../lib/errors.ts';
import { type Clock, SYSTEM_CLOCK } from '../../lib/time/clock.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';

/** Body of the ECS agent's `PUT task-protection/v1/state`. */
export interface ProtectionState {
  readonly ProtectionEnabled: boolean;
  /** Minutes after which the protection ends. @default - the agent's 120 minutes */
  readonly ExpiresInMinutes?: number;
}

/** Options of a TaskProtection. */
export interface TaskProtectionOptions {
  /** Sends the state to the agent. @throws Error if it refuses */
  readonly put: (state: ProtectionState) => Promise<void>;
  readonly telemetry: Pick<Telemetry, 'info' | 'warn'>;
  /** Clock of the timers. @default - the system clock */
  readonly clock?: Clock;
}

/** Short, so that a worker that hangs is not protected for long; renewed long before it expires. */
const EXPIRES_MINUTES = 15;
const RENEW_MILLIS = 5 * 60 * 1000;
/** Delay after which an idle worker gives up its protection, so that short pauses cause no requests. */
const IDLE_MILLIS = 5000;
const RETRY_MILLIS = 30_000;
/** Maximum time without a pause: a deployment waits for protected tasks, and CloudFormation waits three hours at most. */
const MAX_PROTECTED_MILLIS = 60 * 60 * 1000;
/** Long enough for ECS to stop a task that it wants to stop. */
const PAUSE_MILLIS = 60_000;
const REQUEST_MILLIS = 5000;

/**
 * Protects a busy task from being stopped when ECS scales in or deploys; spot interruptions ignore it. A request that fails is
 * logged and repeated, and the work continues.
 *
 * With a backlog every task is always busy. So no task is protected while there are too many tasks, and each task pauses its
 * protection for a minute every hour: ECS then stops excess or outdated tasks, which requeue their unfinished bundles.
 */
export class TaskProtection implements AsyncDisposable {
  readonly #options: TaskProtectionOptions;
  readonly #clock: Clock;
  #isBusy = false;
  #areTooMany = false;
  #isWanted = false;
  #isProtected = false;
  #protectedAt = -Infinity;
  #askedAt = -Infinity;
  #timer: unknown;
  #asking: Promise<void> = Promise.resolve();

  constructor(options: TaskProtectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  setBusy(isBusy: boolean): void {
    this.#isBusy = isBusy;
    this.#follow();
  }

  /** @param areTooMany - true if the service runs more tasks than the governor allows */
  setTooMany(areTooMany: boolean): void {
    if (this.#areTooMany === areTooMany) return;
    this.#areTooMany = areTooMany;
    const { telemetry } = this.#options;
    telemetry.info(
      areTooMany
        ? 'over the task limit: scale-in protection is off'
        : 'within the task limit: busy tasks are protected',
    );
    this.#follow();
  }

  /** Ends the protection of the task. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isBusy = false;
    this.#isWanted = false;
    await this.#asking;
    await this.#settle();
    this.#clock.clearTimeout(this.#timer);
  }

  #follow(): void {
    const isWanted = this.#isBusy && !this.#areTooMany;
    if (this.#isWanted === isWanted) return;
    this.#isWanted = isWanted;
    if (!isWanted) this.#settleIn(IDLE_MILLIS);
    else this.#settleIn(this.#isProtected ? Math.max(0, this.#askedAt + RENEW_MILLIS - this.#clock.now()) : 0);
  }

  #settleIn(millis: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      this.#asking = this.#asking.then(() => this.#settle());
    }, millis);
  }

  async #settle(): Promise<void> {
    const now = this.#clock.now();
    const isPause = this.#isProtected && now - this.#protectedAt >= MAX_PROTECTED_MILLIS;
    const isWanted = this.#isWanted && !isPause;
    if (!isWanted && !this.#isProtected) return;
    try {
      this.#askedAt = now;
      await this.#options.put({ ProtectionEnabled: isWanted, ...(isWanted && { ExpiresInMinutes: EXPIRES_MINUTES }) });
      if (!this.#isProtected) this.#protectedAt = now;
      this.#isProtected = isWanted;
      // Work that arrived while the protection was being removed needs it again.
      if (this.#isWanted) this.#settleIn(isWanted ? RENEW_MILLIS : isPause ? PAUSE_MILLIS : 0);
    } catch (error) {
      this.#options.telemetry.warn('could not set the protection of the task', {
        protected: isWanted,
        error: describeError(error),
      });
      this.#settleIn(RETRY_MILLIS);
    }
  }
}

/** Returns a function that sends the protection to the ECS agent, whose address is `$ECS_AGENT_URI`. */
export function putToEcsAgent(agentUri: string): TaskProtectionOptions['put'] {
  const url = `${agentUri}/task-protection/v1/state`;
  return async (state) => {
    const response = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(state),
      signal: AbortSignal.timeout(REQUEST_MILLIS),
    });
    const { failure, error } = (await response.json().catch(() => ({}))) as AgentResponse;
    const refusal = failure?.Reason ?? error?.Code ?? (response.ok ? undefined : 'no reason given');
    if (refusal !== undefined) throw new Error(`the ECS agent returned ${response.status}: ${refusal}`);
  };
}

/** Response of the agent, without `protection`, which it has if the state was set. */
interface AgentResponse {
  readonly failure?: { readonly Reason?: string };
  readonly error?: { readonly Code?: string };
}
