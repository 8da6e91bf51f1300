import { openLambdaPollers } from './lambda-pollers.ts';
import type { Pollers } from './ports.ts';
import { openServicePollers } from './service-pollers.ts';

/** Opens the pollers of both functions and services. */
export function openPollers(): Pollers {
  const mappings = openLambdaPollers();
  const services = openServicePollers();
  return {
    read: (poller, options) =>
      poller.kind === 'mapping' ? mappings.read(poller.id, options) : services.read(poller, options),
    setMaxConcurrency: (poller, concurrency, options) =>
      poller.kind === 'mapping'
        ? mappings.setMaxConcurrency(poller.id, concurrency, options)
        : services.setMaxConcurrency(poller, concurrency, options),
  };
}
