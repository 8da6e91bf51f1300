import type { RemoteModelHandlerOptions } from '../remote-model-handler.ts';

/**
 * Returns the options of a handler whose API accepts one element per request.
 *
 * @throws RangeError if batches would be larger.
 */
export function oneElementPerRequest<Options extends RemoteModelHandlerOptions<never>>(
  options: Options,
  handler: string,
): Options & { readonly maxBatchSize: 1 } {
  const { maxBatchSize = 1, minBatchSize = 1 } = options;
  for (const [option, value] of Object.entries({ maxBatchSize, minBatchSize })) {
    if (value === 1) continue;
    throw new RangeError(
      `Cannot create ${handler} as '${option}' must be 1, because its API accepts one element per request: current value is ${value}`,
    );
  }
  return { ...options, maxBatchSize: 1 };
}
