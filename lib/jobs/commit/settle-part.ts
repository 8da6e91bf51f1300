import type { MessageQueue } from '../../stores/message-queue.ts';
import type { StoreOptions } from '../../stores/object-store.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { sendLetters } from './dead-letters.ts';
import type { PartPlace } from '../output-layout.ts';
import type { CommittedPart } from './part-metadata.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { readLines } from '../../formats/parts/read-lines.ts';
import { confirmErrors } from './replace-errors.ts';

export interface SettlePartOptions extends StoreOptions {
  readonly pipeline: string;
  readonly deadLetters: MessageQueue;
  readonly output: OutputBucket;
  /** Is told of staged errors that are gone. */
  readonly telemetry?: Pick<Telemetry, 'warn'>;
}

/**
 * Does what a committed part still lacks: sends its dead letters, then copies its staged errors to their place, where
 * they say that both are done. Any process may call it, any number of times: letters are sent at least once.
 */
export async function settlePart(place: PartPlace, part: CommittedPart, options: SettlePartOptions): Promise<void> {
  const { pipeline, deadLetters, output, telemetry, signal } = options;
  const { store, bucket } = output;
  const staged = part.note.errors;
  if (staged === undefined) return;
  const errors = { bucket, key: place.errors };
  if ((await store.head(errors, { signal })) !== undefined) return;
  const object = await store.get({ bucket, key: staged }, { signal });
  if (object !== undefined) {
    const letters = { pipeline, job: place.job, deadLetters, output, claims: staged, signal };
    await sendLetters(readLines(object.chunks), letters);
    // A redrive may have replaced the part in between: then the errors are those of another.
    if (await store.copy({ bucket, key: staged }, errors, { signal }))
      return confirmErrors(place, part, { ...output, signal });
  }
  // Staging expires after 30 days. The errors can't be recovered, so trying again has no end.
  telemetry?.warn('the staged errors of a part are gone: its dead letters and errors are missing', {
    part: place.part,
    errors: staged,
    failed: part.note.elements - part.note.succeeded,
  });
}
