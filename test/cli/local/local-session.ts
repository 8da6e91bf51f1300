import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { INPUT_BUCKET, type LocalFabric, OUTPUT_BUCKET, startLocalFabric } from '../../../cli/local/local-fabric.ts';
import { Mirror } from '../../../cli/local/mirror.ts';
import { loadConfig } from '../../../lib/config/load-config.ts';
import type { JobEvent } from '../../../lib/jobs/fabric-ports.ts';
import type { LogFields } from '../../../lib/telemetry/telemetry.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

export const cliConfig = new URL('../fixtures/cli.config.ts', import.meta.url);

export interface LocalSession {
  readonly fabric: LocalFabric;
  /** The folder of results. */
  readonly output: string;
  readonly events: readonly JobEvent[];
  /** Warnings and errors. */
  readonly logged: readonly { readonly message: string; readonly fields: LogFields }[];
  /** Puts an object in the input bucket. */
  readonly drop: (key: string, content: string | Uint8Array) => Promise<void>;
  /** Resolves when everything that was dropped is dealt with, and its results are in the folder. */
  readonly done: () => Promise<void>;
}

export interface LocalSessionOptions {
  readonly configUrl?: URL;
  readonly inputBuckets?: readonly string[];
  /** How long a run of a processor may take. */
  readonly timeoutSecs?: number;
}

/** A local fabric that ends with the test. */
export async function localSession({
  configUrl = cliConfig,
  inputBuckets = [],
  timeoutSecs,
}: LocalSessionOptions = {}): Promise<LocalSession> {
  const output = join(await temporaryFolder(), 'out');
  const events: JobEvent[] = [];
  const logged: { message: string; fields: LogFields }[] = [];
  const log = (message: string, fields: LogFields = {}): void => void logged.push({ message, fields });
  const fabric = await startLocalFabric({
    configUrl,
    fabric: await loadConfig(configUrl),
    telemetry: { info() {}, warn: log, error: log, count() {} },
    workers: 1,
    timeoutSecs,
    inputBuckets,
    onJobEnded: (event) => events.push(event),
  });
  onTestFinished(() => fabric[Symbol.asyncDispose]());
  const mirror = new Mirror({
    store: fabric.store,
    bucket: OUTPUT_BUCKET,
    folder: output,
    onError: (key, error) => log(`mirror ${key}`, { error }),
  });
  fabric.onChanged((object) => mirror.objectChanged(object));
  return {
    fabric,
    output,
    events,
    logged,
    async drop(key, content) {
      await fabric.store.put({ bucket: INPUT_BUCKET, key }, content);
    },
    async done() {
      await fabric.idle();
      await mirror.settled();
    },
  };
}
