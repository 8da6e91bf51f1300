import { InvalidMessageError, parseMessage } from '../../elements/messages.ts';
import { ConfigError, describeError } from '../../errors.ts';
import type { ReceivedMessage } from '../../stores/message-queue.ts';
import { comeAgainLater } from '../come-again.ts';
import type { Deadline } from '../fabric-ports.ts';
import { inParallel } from '../in-parallel.ts';
import { readIntakeState } from './intake-state.ts';
import { type IntakeTask, IntakeTasks, NO_PIPELINE } from './intake-tasks.ts';
import { ObjectIntake, type ObjectIntakeOptions } from './object-intake.ts';
import { readS3Event } from './s3-events.ts';

export type IntakeOptions = ObjectIntakeOptions;

/** Each may hold a few bundles of decompressed bytes. */
const OBJECTS_AT_ONCE = 4;
/** Each sorts with some 200 MiB. What waits is handed on: another run of the function may have it sooner. */
const GROUPED_AT_ONCE = 2;
const HIDDEN_AT_ONCE = 16;

/**
 * Takes what S3 says was written, and makes jobs of it: see `ObjectIntake`. Events may come late, twice and in any order.
 *
 * A message is acknowledged when all that it asks for is done, handed on, or refused for good: an object that makes no
 * job is explained in the output bucket, a message that is none of the fabric's or of S3's is dropped with a warning.
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
  async take(messages: readonly ReceivedMessage[], deadline: Deadline): Promise<readonly string[]> {
    const failed = new Set<string>();
    const tasks = new IntakeTasks(this.#options, this.#objects);
    for (const { id, body } of messages) {
      await this.#orFailed([id], failed, () => this.#read(id, body, tasks));
    }
    const millis = deadline.remainingMillis();
    const { maxReceives } = this.#options;
    const last = new Set(messages.flatMap(({ id, receiveCount }) => (receiveCount >= maxReceives ? [id] : [])));
    const run = async (task: IntakeTask): Promise<void> => {
      const hadTime = deadline.remainingMillis() * 2 >= millis;
      const isLast = [...task.messages].every((id) => last.has(id));
      await this.#orFailed([...task.messages], failed, () => task.run({ deadline, hadTime, isLast }));
    };
    const { grouped = [], others = [] } = Object.groupBy(tasks.all(), ({ groups }) => (groups ? 'grouped' : 'others'));
    await Promise.all([inParallel(others, OBJECTS_AT_ONCE, run), inParallel(grouped, GROUPED_AT_ONCE, run)]);
    const { queues, telemetry } = this.#options;
    const again = messages.filter(({ id }) => failed.has(id));
    await inParallel(again, HIDDEN_AT_ONCE, (message) => comeAgainLater(message, { queue: queues.intake, telemetry }));
    return [...failed];
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
      tasks.addWork(id, await readIntakeState(message, this.#options.output));
    } catch (error) {
      if (!(error instanceof InvalidMessageError)) throw error;
      this.#options.telemetry.count('messages_refused', 1, NO_PIPELINE);
      this.#options.telemetry.warn('message refused', { message: id, reason: error.message });
    }
  }
}

/** Whether a body claims to be one of the fabric's own messages: S3's have no `kind`. */
function isOwn(body: string): boolean {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && 'kind' in value;
  } catch {
    return false;
  }
}
