import type { InvalidMessageError } from '../../elements/messages.ts';
import type { ReceivedMessage } from '../../stores/message-queue.ts';
import { sendLetters } from '../commit/dead-letters.ts';
import type { ErrorsLine } from '../commit/errors-line.ts';
import { stagingOf } from '../output-layout.ts';
import type { BundleProcessorOptions } from '../attempt/processor-options.ts';

/** Makes a dead letter of a message that can't be processed: its `input` is the text as it came. */
export async function refuseMessage(
  { id, body }: ReceivedMessage,
  { name, message }: InvalidMessageError,
  { pipelineName: pipeline, deadLetters, output, telemetry }: BundleProcessorOptions,
): Promise<void> {
  const line: ErrorsLine = {
    id,
    stage: 'read',
    error: { name, message },
    attempts: 1,
    input: body,
    source: { messageId: id },
  };
  const claims = stagingOf({ pipeline, id: `_refused/${encodeURIComponent(id)}` });
  await sendLetters([JSON.stringify(line)], { pipeline, deadLetters, output, claims });
  telemetry.count('messages_refused', 1, pipeline);
  telemetry.warn('a message was refused', { messageId: id, error: message });
}
