/**
 * S3 and SQS in a separate process, so that their CPU time is separate from that of the contestants. It sends its parent their
 * address, and a message for each part of results when it is written.
 *
 *     node emulator.ts <milliseconds that each request waits>
 */
import { startEmbeddedAws } from '../../cli/local/embedded-aws.ts';
import { delayRequests } from './delay-requests.ts';
import { BUCKETS, type FromEmulator } from './emulator-process.ts';

function notifyParent(message: FromEmulator): void {
  process.send?.(message);
}

const latencyMillis = Number(process.argv[2] ?? 0);
if (latencyMillis > 0) delayRequests(latencyMillis);
const aws = await startEmbeddedAws();
for (const bucket of Object.values(BUCKETS)) await aws.createBucket(bucket);
aws.onWritten(({ bucket, key }) => {
  if (bucket === BUCKETS.output && /\/part-[^/]+$/.test(key)) notifyParent({ kind: 'part', key });
});
process.once('disconnect', () => process.exit(0));
notifyParent({ kind: 'started', endpoint: aws.endpoint });
