import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runSample, type RunSampleOptions, type Sample } from '../../../cli/estimate/run-sample.ts';
import type { Bundle, BundleSummary, OutcomeChunk } from '../../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../../lib/inference/engine/engine.ts';

const bundle: Bundle = { name: 'a', source: { kind: 'elements', elements: [] }, address: {} };
const summary = {} as unknown as BundleSummary; // Nobody looks at it.

const chunk = (elements: number): OutcomeChunk => ({
  results: new Uint8Array(),
  errors: new Uint8Array(),
  elements,
  succeeded: elements,
  failed: {},
  models: {},
});

function sleep(secs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, secs * 1000);
  return promise;
}

/** An engine without any work: each bundle has some outcomes, one in a tenth of a second, and the first of all takes longer. */
function engineOf(firstSecs: number, outcomes: number): Pick<InferenceEngine, 'process' | 'workers'> {
  const first = sleep(firstSecs);
  return {
    workers: 1,
    async process(_bundle, sink, { signal } = {}) {
      await first;
      for (let outcome = 0; outcome < outcomes; outcome += 1) {
        await sleep(0.1);
        signal?.throwIfAborted();
        await sink.write(chunk(1));
      }
      return summary;
    },
  };
}

async function sampled(
  firstSecs: number,
  { outcomes = 10, ...options }: Partial<RunSampleOptions> & { readonly outcomes?: number } = {},
): Promise<Sample> {
  const { signal } = new AbortController();
  const sample = runSample([bundle], engineOf(firstSecs, outcomes), { secs: 10, repeats: true, signal, ...options });
  await vi.advanceTimersByTimeAsync((firstSecs + 20) * 1000);
  return sample;
}

// Two bundles are at work at once, also where there is but one.
const PER_SEC = 20;

describe('a sample', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([0, 60])('is measured once it is warm, where its first outcome comes after %i s', async (firstSecs) => {
    const { measured, isCut, isRepeated } = await sampled(firstSecs);
    expect({ isCut, isRepeated }).toEqual({ isCut: true, isRepeated: true });
    expect(measured.secs).toBeCloseTo(10, 0);
    expect(measured.elements / measured.secs).toBeCloseTo(PER_SEC, 0);
  });

  test('is measured from its start, where it ends before it is warm', async () => {
    const { measured, isCut } = await sampled(3, { repeats: false });
    expect(isCut).toBe(false);
    expect(measured.secs).toBeCloseTo(4, 1);
    expect(measured.elements).toBe(10);
  });

  test('ends where bundles have no elements', async () => {
    expect(await sampled(0, { outcomes: 0 })).toMatchObject({ isCut: false, measured: { elements: 0 } });
  });

  test('says how far it is from the start on, also while nothing comes', async () => {
    const shares: number[] = [];
    await sampled(60, { onProgress: (share) => shares.push(share) });
    expect(shares.filter((share) => share === 0).length).toBeGreaterThan(60);
    expect(shares.at(-1)).toBeGreaterThan(0.9);
    expect(shares).toEqual(shares.toSorted((one, other) => one - other));
  });
});
