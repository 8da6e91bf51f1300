import { VARIABLES } from '../environment.ts';

// The health check of the container: exits with 0 if the worker's health endpoint answers 2xx, otherwise with 1.

const TIMEOUT_MILLIS = 4000;

const isHealthy = await fetch(`http://127.0.0.1:${process.env[VARIABLES.healthPort] ?? ''}/`, {
  signal: AbortSignal.timeout(TIMEOUT_MILLIS),
}).then(
  ({ ok }) => ok,
  () => false,
);
process.exit(isHealthy ? 0 : 1);
