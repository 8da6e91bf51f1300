import type { FinalizeMessage } from '../../../lib/elements/messages.ts';
import type { JobEvent, PipelineFacts } from '../../../lib/jobs/fabric-ports.ts';
import { Finalizer } from '../../../lib/jobs/finalizing/finalizer.ts';
import type { Manifest } from '../../../lib/jobs/manifest.ts';
import type { RecordedJob } from '../../../lib/jobs/job-record.ts';
import { lastNoteKey } from '../../../lib/jobs/output-layout.ts';
import { deadlineOf, memoryObjectStore, memoryQueue } from '../memory-ports.ts';
import { commitBundle, type End, finalizeMessage, PIPELINE, recordJobOf } from '../stored-job.ts';

export const START = Date.UTC(2026, 0, 1);

export const UNTIL = START + 3 * 24 * 3600 * 1000;

export const FOLDER = `${PIPELINE}/n.jsonl`;

export type Limits = Pick<PipelineFacts, 'maxFailures' | 'maxFailureRatio'>;

/** A fabric's finalizers, with a clock that goes on when the next message is due. */
export async function startJob(of: number, limits: Limits = {}) {
  let now = START;
  const clock = () => now;
  const store = memoryObjectStore({ now: clock });
  const output = { store, bucket: 'out' };
  const queue = memoryQueue({ now: clock });
  const deadLetters = memoryQueue({ now: clock });
  const events: JobEvent[] = [];
  const counted: string[] = [];
  const finalizer = () =>
    new Finalizer({
      output,
      now: clock,
      queue,
      telemetry: { info() {}, warn() {}, error() {}, count: (name) => void counted.push(name) },
      pipelines: { [PIPELINE]: { facts: limits, deadLetters } },
      notify: (event) => Promise.resolve(void events.push(event)),
    });
  const shared = finalizer();
  const recorded = await recordJobOf(of, output);
  await queue.send([{ body: finalizeMessage(recorded.job, { until: UNTIL, delaySecs: 5 }), delaySecs: 5 }]);

  /** The next look; gives the message that it sent for another. */
  async function look(with_ = shared): Promise<FinalizeMessage | undefined> {
    now = Math.max(now, queue.nextVisibleAt ?? now);
    const [message] = await queue.receive({ maxMessages: 1, waitSecs: 0 });
    if (message === undefined) throw new Error('there is no message');
    const sent = queue.sent.length;
    await with_.process(message, deadlineOf());
    await queue.delete(message.receiptHandle);
    const next = queue.sent[sent]?.body;
    return next === undefined ? undefined : (JSON.parse(next) as FinalizeMessage);
  }
  const manifest = () => store.json('out', `${FOLDER}/_manifest.json`) as Manifest | null;
  const isSuccess = () => store.text('out', `${FOLDER}/_SUCCESS`) !== undefined;
  return {
    store,
    output,
    queue,
    deadLetters,
    events,
    counted,
    recorded,
    finalizer,
    look,
    manifest,
    isSuccess,
    clock,
    commit: (bundle: number, ends: readonly End[], settle = true) =>
      commitBundle(recorded, bundle, ends, { output, settle }),
    later: (secs: number) => {
      now += secs * 1000;
    },
  };
}

export function lastNote({ job }: RecordedJob, bundle: number): { readonly bucket: string; readonly key: string } {
  return { bucket: 'out', key: lastNoteKey(job, bundle, job.of) };
}
