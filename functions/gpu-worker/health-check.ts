/** The container's health check: it exits with 0 where the worker's health endpoint answers well, else with 1. */
const TIMEOUT_MILLIS = 4000;

const isHealthy = await fetch(`http://127.0.0.1:${process.env['FABRIC_HEALTH_PORT'] ?? ''}/`, {
  signal: AbortSignal.timeout(TIMEOUT_MILLIS),
}).then(
  ({ ok }) => ok,
  () => false,
);
process.exit(isHealthy ? 0 : 1);
