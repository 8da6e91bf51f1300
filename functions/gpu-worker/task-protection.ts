import { describeError } from '../../lib/errors.ts';
import { type Clock, SYSTEM_CLOCK } from '../../lib/time/clock.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';

/** What the ECS agent is asked for: `PUT task-protection/v1/state`. */
export interface ProtectionState {
  readonly ProtectionEnabled: boolean;
  readonly ExpiresInMinutes?: number;
}

export interface TaskProtectionOptions {
  /** Asks the agent. @throws where it refuses */
  readonly put: (state: ProtectionState) => Promise<void>;
  readonly telemetry: Pick<Telemetry, 'info' | 'warn'>;
  readonly clock?: Clock;
}

/** Short, so that a worker that hangs is not protected for long; renewed long before its end. */
const EXPIRES_MINUTES = 15;
const RENEW_MILLIS = 5 * 60 * 1000;
/** A worker that has nothing to do for a moment is not asked about each time. */
const IDLE_MILLIS = 5000;
const RETRY_MILLIS = 30_000;
/** A deployment waits for tasks that are protected, and CloudFormation for it: three hours at most. */
const MOST_MILLIS = 60 * 60 * 1000;
/** Long enough for ECS to end a task that it waits for. */
const PAUSE_MILLIS = 60_000;
const REQUEST_MILLIS = 5000;

/**
 * Keeps ECS from ending a task that is at work when it scales in or deploys. A spot interruption is not kept off by it.
 * What fails is told and tried again; the work goes on.
 *
 * Under a backlog each task always is at work. So none is protected while there are more than there may be, and every hour each
 * is not for a minute: ECS ends those that are too many, or of an older version, and they hand back what they have not finished.
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

  /** Whether there are more tasks than there may be. */
  setTooMany(areTooMany: boolean): void {
    if (this.#areTooMany === areTooMany) return;
    this.#areTooMany = areTooMany;
    const { telemetry } = this.#options;
    telemetry.info(
      areTooMany ? 'there are too many tasks: this one may be ended at work' : 'there are not too many tasks',
    );
    this.#follow();
  }

  /** The task is not protected any more. */
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
    if (!isWanted) this.#lookIn(IDLE_MILLIS);
    else this.#lookIn(this.#isProtected ? Math.max(0, this.#askedAt + RENEW_MILLIS - this.#clock.now()) : 0);
  }

  #lookIn(millis: number): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => {
      this.#asking = this.#asking.then(() => this.#settle());
    }, millis);
  }

  async #settle(): Promise<void> {
    const now = this.#clock.now();
    const isPause = this.#isProtected && now - this.#protectedAt >= MOST_MILLIS;
    const isWanted = this.#isWanted && !isPause;
    if (!isWanted && !this.#isProtected) return;
    try {
      this.#askedAt = now;
      await this.#options.put({ ProtectionEnabled: isWanted, ...(isWanted && { ExpiresInMinutes: EXPIRES_MINUTES }) });
      if (!this.#isProtected) this.#protectedAt = now;
      this.#isProtected = isWanted;
      // Work that came while the protection was being ended has none now.
      if (this.#isWanted) this.#lookIn(isWanted ? RENEW_MILLIS : isPause ? PAUSE_MILLIS : 0);
    } catch (error) {
      this.#options.telemetry.warn('the protection of the task could not be set', {
        protected: isWanted,
        error: describeError(error),
      });
      this.#lookIn(RETRY_MILLIS);
    }
  }
}

/** The ECS agent's part of it, at `$ECS_AGENT_URI`. */
export function askEcsAgent(agentUri: string): TaskProtectionOptions['put'] {
  const url = `${agentUri}/task-protection/v1/state`;
  return async (state) => {
    const response = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(state),
      signal: AbortSignal.timeout(REQUEST_MILLIS),
    });
    const { failure, error } = (await response.json().catch(() => ({}))) as AgentAnswer;
    const refusal = failure?.Reason ?? error?.Code ?? (response.ok ? undefined : 'no reason given');
    if (refusal !== undefined) throw new Error(`the ECS agent answered ${response.status}: ${refusal}`);
  };
}

/** As the agent answers: with `protection` where it was set. */
interface AgentAnswer {
  readonly failure?: { readonly Reason?: string };
  readonly error?: { readonly Code?: string };
}
