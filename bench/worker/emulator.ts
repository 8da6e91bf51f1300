/**
 * S3 and SQS as a process of their own, so that their CPU time can be told from that of what is measured. Whoever forks it
 * hears where they are, and of each part of results as soon as it is written.
 *
 *     node emulator.ts <milliseconds that each request waits>
 */
import { startEmbeddedAws } from '../../cli/local/embedded-aws.ts';
import { delayRequests } from './delay-requests.ts';
import { BUCKETS, type FromEmulator } from './emulator-process.ts';

function tell(message: FromEmulator): void {
  process.send?.(message);
}

const latencyMillis = Number(process.argv[2] ?? 0);
if (latencyMillis > 0) delayRequests(latencyMillis);
const aws = await startEmbeddedAws();
for (const bucket of Object.values(BUCKETS)) await aws.createBucket(bucket);
aws.onWritten(({ bucket, key }) => {
  if (bucket === BUCKETS.output && /\/part-[^/]+$/.test(key)) tell({ kind: 'part', key });
});
process.once('disconnect', () => process.exit(0));
tell({ kind: 'started', endpoint: aws.endpoint });
