import type { FinalizeMessage } from '../../elements/messages.ts';
import type { MessageQueue } from '../../stores/message-queue.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import type { Job } from '../job.ts';

/** The first look at a new job: small ones are done by then. */
const FIRST_LOOK_SECS = 5;
/** After so long a job ends, whatever is missing: 3 days. */
export const JOB_MAX_MILLIS = 3 * 24 * 60 * 60 * 1000;

export interface SendFinalizeOptions extends StoreOptions {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** After a redrive: see `finalizeMessage`. */
  readonly redrive?: boolean;
}

/** Has the finalizer look at a job until it has ended, or `until`. */
export async function sendFinalize(
  { id, pipeline }: Pick<Job, 'id' | 'pipeline'>,
  queue: MessageQueue,
  { until, redrive, signal }: SendFinalizeOptions,
): Promise<void> {
  const message: FinalizeMessage = {
    version: 1,
    kind: 'finalize',
    pipeline,
    job: id,
    until,
    delaySecs: FIRST_LOOK_SECS,
    ...(redrive === undefined ? {} : { redrive }),
  };
  await queue.send([{ body: JSON.stringify(message), delaySecs: FIRST_LOOK_SECS }], { signal });
}
