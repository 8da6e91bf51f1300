import type { AssemblerClock } from '../../batching/batch-assembler.ts';
import { InvalidMessageError, parseMessage } from '../../elements/messages.ts';
import { ConfigError, describeError } from '../../errors.ts';
import type { ReceivedMessage } from '../../stores/message-queue.ts';
import { comeAgainLater } from '../come-again.ts';
import type { Deadline } from '../fabric-ports.ts';
import { inParallel } from '../in-parallel.ts';
import { readIntakeState } from './intake-state.ts';
import { type IntakeTask, IntakeTasks, NO_PIPELINE } from './intake-tasks.ts';
import { budgetMillis, withinBudget } from './object-budget.ts';
import { ObjectIntake, type ObjectIntakeOptions } from './object-intake.ts';
import { readS3Event } from '../sending/s3-events.ts';

export interface IntakeOptions extends ObjectIntakeOptions {
  /** Timers for the time that an object may take. @default globalThis */
  readonly clock?: AssemblerClock;
}

/** Each may hold a few bundles of decompressed bytes. */
const OBJECTS_AT_ONCE = 4;
/** Each sorts with some 200 MiB. What waits is handed on: another run of the function may have it sooner. */
const GROUPED_AT_ONCE = 2;
/** Objects of each kind that go on from an earlier call, while new ones wait: they may take all of the call's time. */
const RESUMED_SHARE = 0.5;
const HIDDEN_AT_ONCE = 16;

/**
 * Takes what S3 says was written, and makes jobs of it: see `ObjectIntake`. Events may come late, twice and in any order.
 *
 * A message is acknowledged when all that it asks for is done, handed on, or refused for good: an object that makes no
 * job is explained in the output bucket, a message that is not from the fabric or S3 is dropped with a warning.
 *
 * An object that is new has a limited time in a call with others. Work that is left then goes into a separate message,
 * which may take the time of a whole call, so a slow object delays the others of its batch only once.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #objects: ObjectIntake;

  /** @throws ConfigError where results would be written to where input is read, or a pipeline has no queue. */
  constructor(options: IntakeOptions) {
    const { inputBuckets, output, pipelines, queues } = options;
    if (inputBuckets.includes(output.bucket)) {
      throw new ConfigError(
        `Cannot read input from the bucket that results go to, ${output.bucket}: each result would be input`,
      );
    }
    const without = Object.keys(pipelines).find((pipeline) => queues.bundles[pipeline] === undefined);
    if (without !== undefined) throw new ConfigError(`Cannot send bundles of pipeline '${without}': it has no queue`);
    this.#options = options;
    this.#objects = new ObjectIntake(options);
  }

  /** @returns the ids of the messages that are to be tried again. */
  async handle(messages: readonly ReceivedMessage[], deadline: Deadline): Promise<readonly string[]> {
    const failed = new Set<string>();
    const tasks = new IntakeTasks(this.#options, this.#objects);
    for (const { id, body } of messages) {
      await this.#orFailed([id], failed, () => this.#read(id, body, tasks));
    }
    const all = tasks.all();
    const { grouped = [], others = [] } = Object.groupBy(all, ({ groups }) => (groups ? 'grouped' : 'others'));
    const { maxReceives } = this.#options;
    const last = new Set(messages.flatMap(({ id, receiveCount }) => (receiveCount >= maxReceives ? [id] : [])));
    const call = { deadline, millis: deadline.remainingMillis(), failed, last, isAlone: all.length === 1 };
    await Promise.all([this.#run(others, OBJECTS_AT_ONCE, call), this.#run(grouped, GROUPED_AT_ONCE, call)]);
    const { queues, telemetry } = this.#options;
    const again = messages.filter(({ id }) => failed.has(id));
    await inParallel(again, HIDDEN_AT_ONCE, (message) => comeAgainLater(message, { queue: queues.intake, telemetry }));
    return [...failed];
  }

  async #run(tasks: readonly IntakeTask[], atOnce: number, call: Call): Promise<void> {
    const { deadline, millis, failed, last, isAlone } = call;
    const { resumed = [], fresh = [] } = Object.groupBy(tasks, ({ isResumed }) => (isResumed ? 'resumed' : 'fresh'));
    const resumedAtOnce = fresh.length === 0 ? atOnce : Math.min(resumed.length, atOnce * RESUMED_SHARE);
    const freshAtOnce = atOnce - resumedAtOnce;
    const budget = budgetMillis(deadline, fresh.length, freshAtOnce);

    const run = async (task: IntakeTask): Promise<void> => {
      const isLimited = !task.isResumed && !isAlone;
      const hadTime = !isLimited && deadline.remainingMillis() * 2 >= millis;
      using limited = isLimited ? withinBudget(deadline, budget, this.#options.clock ?? globalThis) : undefined;
      const isLast = [...task.messages].every((id) => last.has(id));
      const attempt = { deadline: limited ?? deadline, hadTime, isLast };
      await this.#orFailed([...task.messages], failed, () => task.run(attempt));
    };
    await Promise.all([inParallel(fresh, freshAtOnce, run), inParallel(resumed, resumedAtOnce, run)]);
  }

  async #orFailed(messages: readonly string[], failed: Set<string>, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      for (const id of messages) failed.add(id);
      const { name, message } = describeError(error);
      this.#options.telemetry.error('intake failed', { messages, error: { name, message } });
    }
  }

  /** Adds what a message asks for to the tasks. */
  async #read(id: string, body: string, tasks: IntakeTasks): Promise<void> {
    try {
      const message = isOwn(body) ? parseMessage(body) : undefined;
      if (message === undefined) return tasks.addObjects(id, readS3Event(body));
      if (message.kind !== 'intake')
        throw new InvalidMessageError(`intake takes no messages of kind '${message.kind}'`);
      tasks.addRest(id, await readIntakeState(message, this.#options.output));
    } catch (error) {
      if (!(error instanceof InvalidMessageError)) throw error;
      this.#options.telemetry.count('messages_refused', 1, NO_PIPELINE);
      this.#options.telemetry.warn('message refused', { message: id, reason: error.message });
    }
  }
}

/** One call of the function. */
interface Call {
  readonly deadline: Deadline;
  /** Its time. */
  readonly millis: number;
  /** Ids of the messages that are to be tried again. */
  readonly failed: Set<string>;
  /** Ids of the messages that are at their last receive. */
  readonly last: ReadonlySet<string>;
  /** True if it has only one object to take, which no other waits for. */
  readonly isAlone: boolean;
}

/** True if a body claims to be a message of the fabric: S3's have no `kind`. */
function isOwn(body: string): boolean {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && 'kind' in value;
  } catch {
    return false;
  }
}
