import { Worker } from 'node:worker_threads';
import { programUrl } from '../program-url.ts';

/** Ends this process when the other end of its descriptor 5 is closed, whatever this thread does: another watches it. */
export function dieWithParent(): void {
  // With separate streams: Node would pipe them into `process.stdout`, whose opening makes descriptors 1 and 2
  // non-blocking, so that what native libraries print fails where the pipe is full.
  new Worker(programUrl('hosts/parent-watch'), { stdout: true, stderr: true }).unref();
}
