import { parentPort, workerData } from 'node:worker_threads';
import { carryError } from '../../errors.ts';
import { progressBuffer, sharedProgress, startBeating } from '../progress.ts';
import { InferenceWorker } from './worker.ts';
import type { Post } from './model-link.ts';
import type { ToWorker, WorkerSetup } from '../worker-protocol.ts';

/** The program of a worker that is a thread of its engine's process. */
const setup = workerData as WorkerSetup;
const post: Post = (message, transfer = []) => parentPort?.postMessage(message, transfer);

try {
  const progress = sharedProgress(setup.progress ?? progressBuffer());
  const worker = await InferenceWorker.start({ setup, progress, post, oneByOne: false });
  parentPort?.on('message', (message: ToWorker) => worker.handle(message));
  startBeating(progress);
  post({ kind: 'started' });
} catch (error) {
  post({ kind: 'setupFailed', error: carryError(error) });
}
