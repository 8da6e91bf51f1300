import { MAX_RECEIVES } from '../../lib/config/delivery.ts';
import type { OutgoingMessage } from '../../lib/stores/message-queue.ts';
import { below, pick } from './chance.ts';
import { hold, Violation } from '../violation.ts';
import type { Expected } from './drops.ts';
import { Deaths, type Faults, NO_FAULTS } from './fault-injector.ts';
import { FaultyFabric } from './faulty-fabric.ts';
import { accountLetters, byOutcome, type Line, linesOf, outcomesOfMessages, textOf } from './ledger.ts';
import { accountFor, newFabric, noteFaults, randomFaults, type Run, type Scenario } from './scenario.ts';
import type { World } from './world.ts';

const MAX_ELEMENTS = 20;
const MAX_MESSAGES = 4;
const MAX_CALLS = 16;

interface Streamed {
  readonly message: OutgoingMessage;
  readonly elements: readonly Expected[];
}

/** A message of elements from a producer; some use a claim check. */
async function stream(
  { calm, output, random, newId }: World,
  pipeline: string,
  elements: readonly Expected[],
): Promise<Streamed> {
  const listed = elements.map(({ id, n }) => ({ id, input: { n } }));
  const body = JSON.stringify({ version: 1, kind: 'elements', pipeline, elements: listed });
  if (random() < 0.7) return { message: { body }, elements };
  const address = { bucket: output, key: `.fabric/claims/${newId()}.json` };
  await calm.put(address, body);
  return { message: { body: JSON.stringify({ version: 1, kind: 'claim', pipeline, body: address }) }, elements };
}

function numbered(message: number, count: number): readonly Expected[] {
  return Array.from({ length: count }, (_, index) => {
    const n = message * 100 + index;
    return { id: `e-${n}`, position: index, n };
  });
}

async function streamSome(world: World, pipeline: string): Promise<readonly Streamed[]> {
  const messages = 1 + below(MAX_MESSAGES, world.random);
  const streamed: Streamed[] = [];
  for (let message = 0; message < messages; message += 1) {
    streamed.push(await stream(world, pipeline, numbered(message, 1 + below(MAX_ELEMENTS, world.random))));
  }
  return streamed;
}

/** Sends messages, and sends again those in the parking queue, which failed all receives. */
async function sendAll(world: World, fabric: FaultyFabric, streamed: readonly Streamed[]) {
  await fabric.queues.bundles.send(streamed.map(({ message }) => message));
  await fabric.settle();
  const calm = new FaultyFabric({ world, pipeline: fabric.pipeline, faults: NO_FAULTS });
  await calm.queues.bundles.send(fabric.parked.bundles.waiting);
  await calm.settle();
  hold(calm.parked.bundles.waiting.length === 0, 'message without an outcome', 'a message is given up without a fault');
  return [...fabric.letters.sent, ...calm.letters.sent];
}

async function accountStreamed(run: Run, faults: Faults, streamed: readonly Streamed[], fabric: FaultyFabric) {
  const letters = await sendAll(run.world, fabric, streamed);
  noteFaults(run, faults);
  const outcomes = await outcomesOfMessages(run.world, fabric.pipeline);
  const expected = streamed.flatMap(({ elements }) => elements);
  accountFor(run, outcomes, expected, { where: 'messages' });
  accountLetters(letters, outcomes.failures);
}

/** Streamed messages under random faults. */
export const streamedMessages: Scenario = async (run) => {
  const { world } = run;
  const faults = randomFaults(world);
  await accountStreamed(run, faults, await streamSome(world, 'lines'), newFabric(world, 'lines', faults));
};

/** A streamed message whose receives die before the same call, once or until it is given up. */
export const streamedDeaths: Scenario = async (run) => {
  const { world } = run;
  const { random } = world;
  const deaths = pick([1, 2, MAX_RECEIVES], random);
  const faults = new Deaths({ victim: 'processor', call: below(MAX_CALLS, random), deaths });
  const streamed = [await stream(world, 'lines', numbered(0, 1 + below(MAX_ELEMENTS, random)))];
  await accountStreamed(run, faults, streamed, newFabric(world, 'lines', faults));
};

/** Streamed messages that are answered by their elements' ids; a later one for the same id replaces the answer. */
export const answersById: Scenario = async (run) => {
  const { world } = run;
  const { calm, output, clock } = world;
  const faults = randomFaults(world);
  const fabric = newFabric(world, 'answers', faults);
  const streamed = await streamSome(world, 'answers');
  const [first] = streamed;
  const asked = first?.elements[0];
  if (asked === undefined) throw new Violation('crash', 'a message has no element');
  const later = { ...asked, n: asked.n + 2 };
  await fabric.queues.bundles.send(streamed.map(({ message }) => message));
  clock.advanceTo(clock.now() + 1000);
  await fabric.queues.bundles.send([(await stream(world, 'answers', [later])).message]);
  await fabric.settle();
  // A message that is sent again is the latest.
  const isSentAgain = fabric.parked.bundles.waiting.length > 0;
  await sendAll(world, fabric, []);
  noteFaults(run, faults);

  const answers: Line[] = [];
  for await (const { key } of calm.list(output, 'answers/_elements/')) {
    answers.push(...linesOf(await textOf(calm, output, key)));
  }
  const { id } = later;
  const answer = answers.find((line) => line.id === id);
  const last = isSentAgain && answer?.prediction === 2 * asked.n ? asked : later;
  const expected = [...streamed.flatMap(({ elements }) => elements).filter((element) => element.id !== id), last];
  accountFor(run, byOutcome(answers), expected, { where: 'answers' });
};
