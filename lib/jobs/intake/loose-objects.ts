import { createHash } from 'node:crypto';
import type { ObjectsMessage } from '../../elements/messages.ts';
import type { MessageQueue } from '../../stores/message-queue.ts';
import { checkIn } from '../commit/claim-check.ts';
import { looseObjectsKey } from '../output-layout.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { compareSequencers, type ObjectCreated } from '../sending/s3-events.ts';

export interface SendLooseObjectsOptions {
  readonly pipeline: string;
  readonly bundleElements: number;
  readonly queue: MessageQueue;
  readonly output: OutputBucket;
}

/** Sends objects that are an element each and belong to no job, `bundleElements` per message. */
export async function sendLooseObjects(
  objects: readonly ObjectCreated[],
  { pipeline, bundleElements, queue, output }: SendLooseObjectsOptions,
): Promise<void> {
  const newest = newestOfEach(objects);
  for (let first = 0; first < newest.length; first += bundleElements) {
    const bundle = newest.slice(first, first + bundleElements).map(objectOf);
    const body = JSON.stringify({ version: 1, kind: 'objects', pipeline, objects: bundle } satisfies ObjectsMessage);
    const key = looseObjectsKey(pipeline, createHash('sha256').update(body).digest('hex'));
    await queue.send([{ body: await checkIn(body, { pipeline, key, output }) }]);
  }
}

/** An object has one answer, to what its key held last: what came before it need not be asked. */
function newestOfEach(objects: readonly ObjectCreated[]): readonly ObjectCreated[] {
  const newest = new Map<string, ObjectCreated>();
  for (const object of objects) {
    const address = JSON.stringify([object.bucket, object.key]);
    const other = newest.get(address);
    if (other === undefined || isNewer(object, other)) newest.set(address, object);
  }
  return [...newest.values()];
}

function isNewer(object: ObjectCreated, other: ObjectCreated): boolean {
  if (object.sequencer === undefined || other.sequencer === undefined) {
    return object.eventTimeMillis >= other.eventTimeMillis;
  }
  return compareSequencers(object.sequencer, other.sequencer) > 0;
}

function objectOf({ bucket, key, versionId, etag, sequencer }: ObjectCreated): ObjectsMessage['objects'][number] {
  return {
    bucket,
    key,
    ...(versionId === undefined ? {} : { versionId }),
    etag,
    ...(sequencer === undefined ? {} : { sequencer }),
  };
}
