import { parseMessage, type Message } from '../../../lib/elements/messages.ts';
import type { InputOptions } from '../../../lib/formats/format.ts';
import type { FormatName } from '../../../lib/formats/registry.ts';
import type { Deadline, PipelineFacts } from '../../../lib/jobs/fabric-ports.ts';
import { Intake, type IntakeOptions } from '../../../lib/jobs/intake/intake.ts';
import type { Job } from '../../../lib/jobs/job.ts';
import type { ReceivedMessage } from '../../../lib/stores/message-queue.ts';
import type { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { inputOptions } from '../../formats/reading.ts';
import {
  deadlineOf,
  type MemoryObjectStore,
  memoryObjectStore,
  type MemoryQueue,
  memoryQueue,
} from '../memory-ports.ts';
import { type EventObject, received, s3Event } from './s3-event.ts';

/** An object of twenty elements. */
export const LINES = Array.from({ length: 20 }, (_, index) => `{"n":${index}}\n`).join('');

export const NOW = Date.UTC(2026, 10, 21);

export interface IntakeUnderTest {
  readonly store: MemoryObjectStore;
  readonly queues: { readonly intake: MemoryQueue; readonly finalizer: MemoryQueue; readonly bundles: MemoryQueue };
  /** What was counted, as `<name> <pipeline>`. */
  readonly counts: Record<string, number>;
  readonly open: (changes?: Partial<IntakeOptions>) => Intake;
  /** Puts an object, and gives what an event would say of it. */
  readonly put: (key: string, content: string | Uint8Array) => Promise<EventObject>;
  /** Takes one message with these objects. @returns the failed ids */
  readonly take: (...objects: EventObject[]) => Promise<readonly string[]>;
  /** Takes them in a run whose time is over as soon as it has read a chunk of an object. */
  readonly takeAtDeadline: (...objects: EventObject[]) => Promise<readonly string[]>;
  /**
   * Gives intake its own messages until there are none; each run may read so many chunks before its time is over.
   *
   * @returns how many runs there were
   */
  readonly goOn: (options?: {
    readonly chunksPerRun?: number;
    readonly intake?: Intake;
    readonly runs?: number;
  }) => Promise<number>;
  /** The message of each bundle sent, by kind and content. */
  readonly bundles: () => readonly Message[];
  readonly job: (folder: string) => Job;
  readonly rejection: (
    key: string,
  ) => { readonly key: string; readonly reason: string; readonly versionId?: string } | undefined;
}

export function factsOf(format: FormatName, options: Partial<InputOptions> = {}): PipelineFacts {
  return {
    input: inputOptions(format, options),
    output: { format: 'jsonl', join: 'none' },
    config: `digest of ${format}`,
  };
}

/** Intake over ports in memory, with a pipeline for each format, named for it. */
export function intakeUnderTest(
  options: { readonly versioned?: boolean; readonly input?: Partial<InputOptions> } = {},
): IntakeUnderTest {
  const store = memoryObjectStore({ versioned: options.versioned ?? false, chunkBytes: 32, now: () => NOW });
  const clock = { now: () => NOW };
  const queues = { intake: memoryQueue(clock), finalizer: memoryQueue(clock), bundles: memoryQueue(clock) };
  const counts: Record<string, number> = {};
  const telemetry: Telemetry = {
    info() {},
    warn() {},
    error() {},
    count: (name, amount, pipeline) =>
      void (counts[`${name} ${pipeline}`] = (counts[`${name} ${pipeline}`] ?? 0) + amount),
  };
  const formats = ['jsonl', 'json', 'csv', 'text', 'images'] as const;
  const pipelines = Object.fromEntries(formats.map((format) => [format, factsOf(format, options.input)]));
  const open = (changes: Partial<IntakeOptions> = {}): Intake =>
    new Intake({
      output: { store, bucket: 'out' },
      telemetry,
      ...clock,
      maxReceives: 5,
      inputBuckets: ['in', 'more'],
      pipelines,
      queues: { ...queues, bundles: Object.fromEntries(formats.map((format) => [format, queues.bundles])) },
      jobQueues: (pipeline) => ({ bundles: `url of ${pipeline}`, finalizer: 'url of finalizer' }),
      ...changes,
    });
  const intake = open();

  /** A deadline that comes when so many chunks of objects have been read. */
  function deadlineAfter(chunks: number): Deadline {
    const controller = new AbortController();
    let left = chunks;
    store.faults.chunk = () => {
      left -= 1;
      if (left < 0) controller.abort();
    };
    return deadlineOf(controller);
  }

  async function goOn({
    chunksPerRun = Infinity,
    intake: taking = intake,
    runs: most = Infinity,
  } = {}): Promise<number> {
    for (let runs = 0; ; runs += 1) {
      const messages = runs === most ? [] : await queues.intake.receive({ maxMessages: 10, waitSecs: 0 });
      if (messages.length === 0) return runs;
      await acknowledge(messages, await taking.handle(messages, deadlineAfter(chunksPerRun)));
      store.faults.chunk = undefined;
    }
  }

  async function acknowledge(messages: readonly ReceivedMessage[], failed: readonly string[]): Promise<void> {
    for (const { id, receiptHandle } of messages) {
      await (failed.includes(id)
        ? queues.intake.changeVisibility(receiptHandle, 0)
        : queues.intake.delete(receiptHandle));
    }
  }

  return {
    store,
    queues,
    counts,
    open,
    async put(key, content) {
      const put = await store.put({ bucket: 'in', key }, content);
      const info = await store.head({ bucket: 'in', key });
      return {
        bucket: 'in',
        key,
        etag: put?.etag ?? '',
        versionId: info?.versionId,
        byteLength: info?.byteLength ?? 0,
      };
    },
    take: (...objects) => intake.handle([received(s3Event(objects))], deadlineOf()),
    async takeAtDeadline(...objects) {
      const failed = await intake.handle([received(s3Event(objects))], deadlineAfter(0));
      store.faults.chunk = undefined;
      return failed;
    },
    goOn,
    bundles: () => queues.bundles.sent.map(({ body }) => parseMessage(body)),
    job: (folder) => store.json('out', `${folder}/_job.json`) as Job,
    rejection: (key) => store.json('out', `_rejected/${key}.json`) as ReturnType<IntakeUnderTest['rejection']>,
  };
}
