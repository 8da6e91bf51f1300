import { expect } from 'vitest';
import type { QueueEvent } from './queue-log.ts';

/** Who has room waits for a message so long, and then looks again: one that is there can lie for no longer. */
const LONG_POLL_MILLIS = 20_000;

/** What somebody has received, and neither deleted nor given back. */
export function inHandOf(events: readonly QueueEvent[], who: string): readonly QueueEvent[] {
  const own = events.filter((event) => event.who === who);
  const ended = new Set(
    own.filter((event) => event.did === 'delete' || isGivenBack(event)).map(({ message }) => message),
  );
  return own.filter(({ did, message }) => did === 'receive' && !ended.has(message));
}

function isGivenBack({ did, secs }: QueueEvent): boolean {
  return did === 'hide' && secs === 0;
}

/**
 * The queue has a killed worker's bundles again when the last time is over for which that hid them: it was at work until
 * it was killed, so that is one visibility timeout later at most.
 *
 * @returns how long each lay until another worker had it, in milliseconds.
 */
export function expectTakenFromKilled(
  events: readonly QueueEvent[],
  killed: string,
  { at: killedAt, visibilitySecs }: { readonly at: number; readonly visibilitySecs: number },
): readonly number[] {
  const visibleAgainAt = killedAt + visibilitySecs * 1000;
  const inHand = inHandOf(events, killed);
  expect(inHand).not.toEqual([]);
  return inHand.map(({ message }) => {
    const own = events.filter((event) => event.message === message && event.who === killed);
    const visibleAt = Math.max(...own.map(({ at, secs }) => at + secs * 1000));
    expect(visibleAt).toBeLessThanOrEqual(visibleAgainAt);
    const takenAt = timeTaken(events, killedAt, (event) => event.message === message);
    expect(takenAt).toBeLessThanOrEqual(visibleAgainAt + LONG_POLL_MILLIS);
    return takenAt - killedAt;
  });
}

/**
 * A stopped worker's bundles were done, or sent anew with no delay, or made visible: none stays hidden.
 *
 * @returns how long each of those that were not done lay until another worker had it, in milliseconds.
 */
export function expectTakenFromStopped(events: readonly QueueEvent[], stopped: string): readonly number[] {
  expect(inHandOf(events, stopped)).toEqual([]);
  const own = events.filter(({ who }) => who === stopped);
  const handedBack = own.filter(({ did }) => did === 'send');
  expect(handedBack.map(({ secs }) => secs)).toEqual(handedBack.map(() => 0));
  const givenBack = own.filter(isGivenBack);
  expect(handedBack.length + givenBack.length).toBeGreaterThan(0);
  const waits = [
    ...handedBack.map(({ at, body }) => timeTaken(events, at, (event) => event.body === body) - at),
    ...givenBack.map(({ at, message }) => timeTaken(events, at, (event) => event.message === message) - at),
  ];
  expect(Math.max(...waits)).toBeLessThanOrEqual(LONG_POLL_MILLIS);
  return waits;
}

/** When a message that its worker has left is received again. */
function timeTaken(events: readonly QueueEvent[], leftAt: number, isIt: (event: QueueEvent) => boolean): number {
  return events.find((event) => event.did === 'receive' && event.at > leftAt && isIt(event))?.at ?? Infinity;
}

/** Messages come a second time only from the killed worker, and from one that gave them back: nobody else is at work on them. */
export function expectNoneTwice(events: readonly QueueEvent[], killed: string): void {
  const left = new Set(inHandOf(events, killed).map(({ message }) => message));
  for (const { message } of events.filter(isGivenBack)) left.add(message);
  const once = new Set<string>();
  const twice = new Set<string>();
  for (const { did, message } of events) {
    if (did !== 'receive' || left.has(message)) continue;
    (once.has(message) ? twice : once).add(message);
  }
  const seen = events.filter(({ message }) => twice.has(message));
  expect(seen.map(({ who, did, at, message }) => `${at.toFixed(0)} ms: ${who} ${did} ${message}`)).toEqual([]);
}
