import { expect, test } from 'vitest';
import { MAX_RECEIVES } from '../../../lib/config/delivery.ts';
import { BundleProcessor } from '../../../lib/jobs/processing/bundle-processor.ts';
import type { ReceivedMessage } from '../../../lib/stores/message-queue.ts';
import { SILENT } from '../../../lib/telemetry/telemetry.ts';
import { type Fault, NO_FAULTS } from '../../../campaign/simulation/fault-injector.ts';
import { FaultyProcess } from '../../../campaign/simulation/faulty-process.ts';
import { Turns } from '../../../campaign/simulation/turns.ts';
import { deadlineOf, memoryObjectStore, memoryQueue } from '../memory-ports.ts';
import { lettersIn, linesIn, START } from './processor-bench.ts';
import { scriptedEngine } from './scripted-engine.ts';

const MESSAGE = JSON.stringify({ version: 1, kind: 'elements', pipeline: 'double', elements: ['x', 'y', 'z'] });
const ANSWERED = ['0', '1 failed', '2'];
/** More calls than an attempt makes. */
const CALLS = Array.from({ length: 13 }, (_, call) => call);

/** The call of a process that it dies before, or after; undefined for one that lives. */
type DeathOf = (received: ReceivedMessage) => { readonly call: number; readonly fault: Fault } | undefined;

/** Returns whether a process only sends another message in the place of a producer's own. */
const isReplaced = ({ body, receiveCount }: ReceivedMessage): boolean => body === MESSAGE && receiveCount > 1;
const isLook = ({ body }: ReceivedMessage): boolean => body.includes('"settle"');

/** A queue of messages, each taken by a process of its own, and a queue of those that were given up. */
function startWorld() {
  const engine = scriptedEngine({ elements: 3, chunkElements: 3, fails: (ordinal) => ordinal === 1 });
  const clock = { now: START };
  const now = (): number => clock.now;
  const store = memoryObjectStore();
  const parked = memoryQueue({ now });
  const bundles = memoryQueue({ now, maxReceives: MAX_RECEIVES, deadLetters: parked });
  const letters = memoryQueue({ now });

  async function take(received: ReceivedMessage, death: ReturnType<DeathOf>): Promise<void> {
    let call = 0;
    const next = (): Fault | undefined => (call++ === death?.call ? death.fault : undefined);
    const faults = { ...NO_FAULTS, next };
    const process = new FaultyProcess({ name: 'processor', faults, turns: new Turns(Math.random), millisLeft: 0 });
    const processor = new BundleProcessor({
      engine,
      pipelineName: 'double',
      output: { store: process.store(store), bucket: 'out' },
      bundles: process.queue(bundles),
      deadLetters: process.queue(letters),
      inputBuckets: [],
      maxReceives: MAX_RECEIVES,
      telemetry: SILENT,
      now,
    });
    // A message whose process throws comes again.
    const isDone = await processor.process(received, deadlineOf()).then(
      () => true,
      () => false,
    );
    if (isDone && !process.killed) await bundles.delete(received.receiptHandle);
  }

  /** Takes messages until none is left. */
  async function settle(deathOf: DeathOf = () => undefined): Promise<void> {
    while (bundles.waiting.length > 0) {
      clock.now = Math.max(clock.now, bundles.nextVisibleAt ?? 0);
      for (const received of await bundles.receive({ maxMessages: 1, waitSecs: 0 })) {
        await take(received, deathOf(received));
      }
    }
  }

  return {
    send: (body: string) => bundles.send([{ body }]),
    settle,
    /** As a person does when the cause is gone. */
    async sendParkedAgain(): Promise<void> {
      await bundles.send(parked.waiting);
      await settle();
    },
    /** Every outcome that is in its place, by the place of its element in the message. */
    outcomes(): readonly string[] {
      const lines = store.keys('out', 'double/_elements/').flatMap((key) => linesIn(store.text('out', key)));
      return lines.map(({ id, stage }) => `${id.split('#')[1]}${stage === undefined ? '' : ' failed'}`).toSorted();
    },
    lettered: () => [...new Set(lettersIn(letters.sent).map(({ id }) => id.split('#')[1]))],
  };
}

test.each(CALLS)('a message has each outcome once where its last attempts die before call %i', async (call) => {
  const world = startWorld();
  await world.send(MESSAGE);
  await world.settle((received) => {
    if (isLook(received)) return undefined;
    return { call: received.receiveCount < MAX_RECEIVES ? 0 : call, fault: 'killed-before' };
  });
  // The committed part is settled, although the message was given up.
  if (world.outcomes().length > 0) {
    expect(world.outcomes()).toEqual(ANSWERED);
    expect(world.lettered()).toEqual(['1']);
  }
  await world.sendParkedAgain();
  expect(world.outcomes()).toEqual(ANSWERED);
  expect(world.lettered()).toEqual(['1']);
});

test.each(CALLS)('a message has each outcome once where all attempts to run it die after call %i', async (call) => {
  const world = startWorld();
  await world.send(MESSAGE);
  await world.settle((received) => (isReplaced(received) ? undefined : { call, fault: 'killed-after' }));
  await world.sendParkedAgain();
  expect(world.outcomes()).toEqual(ANSWERED);
  expect(world.lettered()).toEqual(['1']);
});

test.each(CALLS)('a message has each outcome once where call %i is refused, looks included', async (call) => {
  const world = startWorld();
  await world.send(MESSAGE);
  await world.settle(() => ({ call, fault: 'refused' }));
  await world.sendParkedAgain();
  expect(world.outcomes()).toEqual(ANSWERED);
  expect(world.lettered()).toEqual(['1']);
});

test('a message whose sender names another as its origin is answered all the same, by its own name', async () => {
  const world = startWorld();
  const origin = { messageId: 'of-a-producer', sentAtMillis: START };
  const body = JSON.stringify({ ...JSON.parse(MESSAGE), origin, receives: 4, attempts: 3 });
  await world.send(body);
  await world.send(body);
  await world.settle();
  expect(world.outcomes()).toEqual([...ANSWERED, ...ANSWERED].toSorted());
});
