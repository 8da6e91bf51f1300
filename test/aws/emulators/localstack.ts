import { type Emulator, runningEmulator, startEmulator } from './emulator.ts';

const HEALTH = '/_localstack/health';

/**
 * LocalStack Community 4.14.0's S3 and SQS, without Docker; or a fresh one that runs where `LOCALSTACK_ENDPOINT` says,
 * such as that of `docker-compose.yml`.
 */
export async function startLocalStack(python: string): Promise<Emulator> {
  const running = process.env['LOCALSTACK_ENDPOINT'];
  if (running !== undefined) return runningEmulator('localstack', new URL(HEALTH, running));
  return startEmulator({
    name: 'localstack',
    python,
    args: ['-m', 'localstack.runtime.main'],
    healthPath: HEALTH,
    environment: ({ port, folder }) => ({
      SERVICES: 's3,sqs',
      STRICT_SERVICE_LOADING: '1',
      EAGER_SERVICE_LOADING: '1',
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      LOCALSTACK_HOST: `127.0.0.1:${port}`,
      // Its usual server listens on all interfaces, whatever it is told.
      GATEWAY_SERVER: 'hypercorn',
      // In a container it would else keep its files in /var/lib.
      OVERRIDE_IN_DOCKER: '0',
      FILESYSTEM_ROOT: folder,
      XDG_CACHE_HOME: folder,
      SQS_ENDPOINT_STRATEGY: 'path',
      // Nothing is downloaded, sent home or bound to port 53.
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DISABLE_EVENTS: '1',
      DNS_ADDRESS: '0',
    }),
  });
}
