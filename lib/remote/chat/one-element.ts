import type { RemoteModelHandlerOptions } from '../remote-model-handler.ts';

/**
 * The options of a handler whose API takes one element a request.
 *
 * @throws RangeError where batches would be larger.
 */
export function oneElementARequest<Options extends RemoteModelHandlerOptions<never>>(
  options: Options,
  handler: string,
): Options & { readonly maxBatchSize: 1 } {
  const { maxBatchSize = 1, minBatchSize = 1 } = options;
  for (const [option, value] of Object.entries({ maxBatchSize, minBatchSize })) {
    if (value === 1) continue;
    throw new RangeError(
      `Cannot create ${handler} as '${option}' must be 1, its API taking one element a request: current value is ${value}`,
    );
  }
  return { ...options, maxBatchSize: 1 };
}
