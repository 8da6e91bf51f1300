import { delimiter, dirname } from 'node:path';
import { type Emulator, startEmulator } from './emulator.ts';

/**
 * ministack 1.4.21: CloudFormation, S3, SQS and event source mappings, with Lambda functions as child processes.
 *
 * It is not AWS in this: its CloudFormation drops a queue's RedrivePolicy, and keeps nothing when a stack is deleted; its
 * S3 events have keys as they are, no version and a sequencer of 0; it takes messages of 256 KiB at most; it ignores a
 * poller's window and concurrency, and runs one function at a time; a function's context has no name and always 300 s
 * left; nobody is denied anything.
 */
export async function startMinistack(python: string): Promise<Emulator> {
  return startEmulator({
    name: 'ministack',
    python,
    args: ['-m', 'ministack'],
    healthPath: '/_ministack/health',
    environment: ({ port, folder }) => ({
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      // The host of the queues' URLs.
      MINISTACK_HOST: '127.0.0.1',
      LAMBDA_EXECUTOR: 'local',
      STATE_DIR: folder,
      SFTP_ENABLED: '0',
      IOT_MTLS_ENABLED: '0',
      // Functions run on the `node` of the path: this one, which imports ES modules and, as Lambda's does, requires none.
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      NODE_OPTIONS: '--no-experimental-require-module',
    }),
  });
}
