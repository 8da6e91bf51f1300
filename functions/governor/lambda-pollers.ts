import {
  GetEventSourceMappingCommand,
  LambdaClient,
  ResourceConflictException,
  ResourceInUseException,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { clientConfig } from '../../lib/stores/aws-client.ts';
import type { Pollers } from './ports.ts';

/** Minimum of `MaximumConcurrency` in Lambda. */
const MIN_CONCURRENCY = 2;

/** Opens Lambda's event source mappings, which are known by their ids. */
export function openLambdaPollers(): Pollers<string> {
  const client = new LambdaClient(clientConfig({}));
  return {
    async read(poller, { signal }) {
      const command = new GetEventSourceMappingCommand({ UUID: poller });
      const { State, ScalingConfig, BatchSize = 1 } = await client.send(command, { abortSignal: signal });
      const maxConcurrency = ScalingConfig?.MaximumConcurrency;
      return {
        isEnabled: State === 'Enabled',
        least: MIN_CONCURRENCY,
        batchSize: BatchSize,
        ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
      };
    },
    async setMaxConcurrency(poller, concurrency, { signal }) {
      const ScalingConfig = { MaximumConcurrency: concurrency };
      try {
        await client.send(new UpdateEventSourceMappingCommand({ UUID: poller, ScalingConfig }), {
          abortSignal: signal,
        });
        return true;
      } catch (error) {
        if (error instanceof ResourceInUseException || error instanceof ResourceConflictException) return false;
        throw error;
      }
    },
  };
}
