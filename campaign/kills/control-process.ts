import { createFinalizerHandler } from '../../functions/finalizer/handler.ts';
import { createIntakeHandler } from '../../functions/intake/handler.ts';
import type { SqsHandler } from '../../functions/sqs-handler.ts';
import { QueuePoller } from '../../cli/local/poller.ts';
import { loadConfig } from '../../lib/config/load-config.ts';
import { pipelineFacts } from '../../lib/config/pipeline-facts.ts';
import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient, openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';
import type { FleetQueues } from './fleet-aws.ts';

/**
 * The program of a process that runs the handlers of intake and the finalizer behind pollers, until it is killed. Its
 * environment names the config and the queues. Waits of messages are short: a killed process's messages come again soon.
 */
const TIMEOUT_SECS = 30;
const MAX_WAIT_SECS = 2;

const configUrl = new URL(process.env['CAMPAIGN_CONFIG'] ?? '');
// As the campaign that started this process wrote it.
const queues = JSON.parse(process.env['CAMPAIGN_QUEUES'] ?? '') as FleetQueues;
const sqs = openSqsClient();
const facts = pipelineFacts(await loadConfig(configUrl));
const ports = { output: { store: openS3ObjectStore(), bucket: 'output' }, telemetry: SILENT, now: Date.now };
const intake = impatient(openSqsQueue(queues.intake, sqs));
const finalizer = impatient(openSqsQueue(queues.finalizer, sqs));

poll(
  'intake',
  intake,
  createIntakeHandler({
    ...ports,
    inputBuckets: ['input'],
    maxReceives: Number(process.env['FABRIC_MAX_RECEIVES']),
    pipelines: facts,
    queues: { intake, finalizer, bundles: eachPipeline(({ bundles }) => openSqsQueue(bundles, sqs)) },
    jobQueues: (pipeline) => ({ bundles: queues.pipelines[pipeline]?.bundles ?? '', finalizer: queues.finalizer }),
  }),
);
poll(
  'finalizer',
  finalizer,
  createFinalizerHandler({
    ...ports,
    queue: finalizer,
    pipelines: Object.fromEntries(
      Object.entries(facts).map(([name, pipeline]) => [
        name,
        { facts: pipeline, deadLetters: openSqsQueue(queues.pipelines[name]?.deadLetters ?? '', sqs) },
      ]),
    ),
    notify: async () => {},
  }),
);
process.stdout.write('{"message":"ready"}\n');

function poll(name: string, queue: MessageQueue, handler: SqsHandler): QueuePoller {
  return new QueuePoller({ name, queue, handler, timeoutSecs: TIMEOUT_SECS });
}

function eachPipeline<Value>(of: (urls: FleetQueues['pipelines'][string]) => Value): Record<string, Value> {
  return Object.fromEntries(Object.entries(queues.pipelines).map(([name, urls]) => [name, of(urls)]));
}

function short(secs = 0): number {
  return Math.min(secs, MAX_WAIT_SECS);
}

/** The same queue with short waits. */
function impatient(queue: MessageQueue): MessageQueue {
  return {
    send: (messages, options) =>
      queue.send(
        messages.map((message) => ({ ...message, delaySecs: short(message.delaySecs) })),
        options,
      ),
    receive: (options) => queue.receive(options),
    delete: (handle, options) => queue.delete(handle, options),
    changeVisibility: (handle, secs, options) => queue.changeVisibility(handle, short(secs), options),
  };
}
