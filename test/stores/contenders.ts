import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export interface Outcome {
  readonly won: boolean;
  readonly name?: string;
  readonly message?: string;
}

/** A process of its own that waits for an order; it ends with the test. */
export async function startContender(): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./fixtures/contender.ts', import.meta.url)), { stdio: 'inherit' });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  });
  await once(child, 'message');
  return child;
}

export async function order(child: ChildProcess, what: object): Promise<Outcome> {
  const answered = once(child, 'message');
  child.send(what);
  const [outcome] = await answered;
  return outcome as Outcome;
}
