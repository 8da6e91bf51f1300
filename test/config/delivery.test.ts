import { expect, test } from 'vitest';
import { bundlePolling, MAX_BATCH_WINDOW_SECS } from '../../lib/config/delivery.ts';

test('bundlePolling gives an invocation one bundle where batches come from one bundle', () => {
  expect(bundlePolling(undefined)).toEqual({ batchSize: 1 });
});

test('bundlePolling gives an invocation the bundles of a receive where batches cross bundles', () => {
  expect(bundlePolling(0.2)).toEqual({ batchSize: 10, batchWindowSecs: 1 });
  expect(bundlePolling(7)).toEqual({ batchSize: 10, batchWindowSecs: 7 });
});

test("bundlePolling's window is at most Lambda's", () => {
  expect(bundlePolling(3600)).toEqual({ batchSize: 10, batchWindowSecs: MAX_BATCH_WINDOW_SECS });
});
