import { carryError } from '../../errors.ts';
import { dieWithParent } from '../../hosts/die-with-parent.ts';
import { ownBytes } from '../own-bytes.ts';
import { pipedProgress, startBeating } from '../progress.ts';
import { InferenceWorker } from './worker.ts';
import type { Post } from './model-link.ts';
import type { ToWorker, WorkerSetup } from '../worker-protocol.ts';

/** The program of a worker in a separate process, for bundles that have ended a worker before. */
const PROGRESS_FD = 4;
// Ctrl-C in a terminal goes to every process of the group; the engine ends this one itself.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// The same where a function holds this thread for ever.
dieWithParent();

const post: Post = (message) => process.send?.(message);

process.once('message', (setup: WorkerSetup) => void start(setup));

async function start(setup: WorkerSetup): Promise<void> {
  try {
    const progress = pipedProgress(PROGRESS_FD);
    const worker = await InferenceWorker.start({ setup, progress, post, oneByOne: true });
    process.on('message', (message: ToWorker) => worker.handle(ownBytes(message)));
    startBeating(progress);
    post({ kind: 'started' });
  } catch (error) {
    post({ kind: 'setupFailed', error: carryError(error) });
  }
}
