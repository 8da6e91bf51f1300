/**
 * `npm run bench:quota`: engines that share nothing against a server with a quota that they are not told, for real: HTTP
 * on this machine, in real time, about three minutes. What the simulations in test/remote say on a virtual clock. First
 * 5,000 requests; then the server fails altogether for a while, and comes back.
 *
 *     npm run bench:quota -- [engines] [quota a second] [requests] [seconds of outage]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteEndpoint } from '../lib/remote/endpoint/remote-endpoint.ts';
import { Metrics } from '../lib/telemetry/metrics.ts';
import { QuotaHandler } from '../test/remote/quota-handler.ts';
import { QuotaServer } from '../test/remote/quota-server.ts';

const [engines = 8, quota = 100, requests = 5000, outageSecs = 90] = process.argv.slice(2).map(Number);
const BURST = 10;
const LATENCY = [50, 200] as const;
/** Batches of an engine that wait or are in flight. */
const BATCHES_AT_ONCE = 32;
const NEVER = new AbortController().signal;

interface Second {
  readonly requests: number;
  readonly accepted: number;
  readonly throttled: number;
}

await using server = await QuotaServer.start({
  rate: quota,
  burst: BURST,
  latencyMillis: LATENCY,
  retryAfter: { secs: 1, as: 'seconds' },
});
const fleet = Array.from({ length: engines }, () => {
  const handler = new QuotaHandler({ url: server.url, maxBatchSize: 1 });
  return new RemoteEndpoint({ handler, metrics: new Metrics() });
});

/** Requests in each second. */
const seconds: Second[] = [];
let before = { ...server.counts };
const ticker = setInterval(() => {
  const now = { ...server.counts };
  seconds.push({
    requests: now.requests - before.requests,
    accepted: now.accepted - before.accepted,
    throttled: now.throttled - before.throttled,
  });
  before = now;
}, 1000);

await throughput();
await outage();
clearInterval(ticker);

async function throughput(): Promise<void> {
  const startedAt = performance.now();
  const failed = await work(requests);
  const secs = (performance.now() - startedAt) / 1000;
  const settled = seconds.slice(10);
  const [calls, throttled] = [sum(settled, 'requests'), sum(settled, 'throttled')];
  console.log(`${engines} engines, a quota of ${quota}/s (burst ${BURST}), latency ${LATENCY.join(' to ')} ms`);
  console.log(`${requests} requests in ${secs.toFixed(1)} s, ${failed} failed`);
  console.log(`of the quota used: ${percent(requests, BURST + quota * secs)}`);
  console.log(`refused (429) after the first 10 s: ${percent(throttled, calls)} of ${calls} calls`);
}

async function outage(): Promise<void> {
  let isOver = false;
  const working = work(Infinity, () => isOver);
  await sleep(20_000);
  const rate = sum(seconds.slice(-10), 'accepted') / 10;
  server.isDown = true;
  await sleep(outageSecs * 1000);
  const during = sum(seconds.slice(-30), 'requests') / 30;
  server.isDown = false;
  const from = seconds.length;
  const isBack = (): boolean => sum(seconds.slice(-5), 'accepted') / 5 >= 0.9 * quota;
  while (!(seconds.length >= from + 5 && isBack()) && seconds.length < from + 120) await sleep(500);
  console.log(`before the outage ${rate.toFixed(1)}/s accepted; in its last 30 s ${during.toFixed(1)}/s made`);
  console.log(`90 % of the quota again within ${seconds.length - from} s of the server's return`);
  isOver = true;
  await working;
}

/** @returns how many failed */
async function work(count: number, isOver = () => false): Promise<number> {
  let next = 0;
  let failed = 0;
  const askOn = async (engine: RemoteEndpoint): Promise<void> => {
    while (next < count && !isOver()) {
      next += 1;
      const options = { weight: 1, timeoutMillis: 60_000, isolating: false, signal: NEVER, killSignal: NEVER };
      const answer = await engine.ask([next], options);
      if (answer.kind === 'failed') failed += 1;
    }
  };
  await Promise.all(fleet.flatMap((engine) => Array.from({ length: BATCHES_AT_ONCE }, () => askOn(engine))));
  return failed;
}

function sum(of: readonly Second[], what: keyof Second): number {
  return of.reduce((total, second) => total + second[what], 0);
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}
