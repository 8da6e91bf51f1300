import { delimiter, dirname } from 'node:path';
import { type Emulator, startEmulator } from './emulator.ts';

/** ministack: CloudFormation, S3, SQS and event source mappings, with Lambda functions as child processes. */
export async function startMinistack(python: string): Promise<Emulator> {
  return startEmulator({
    name: 'ministack',
    python,
    args: ['-m', 'ministack'],
    healthPath: '/_ministack/health',
    environment: ({ port }) => ({
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      // The host of the queues' URLs.
      MINISTACK_HOST: '127.0.0.1',
      LAMBDA_EXECUTOR: 'local',
      SFTP_ENABLED: '0',
      IOT_MTLS_ENABLED: '0',
      // Functions run on the `node` of the path: this one, which imports ES modules and, as Lambda's does, requires none.
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      NODE_OPTIONS: '--no-experimental-require-module',
    }),
  });
}
