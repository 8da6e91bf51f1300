import { expect, test } from 'vitest';
import { FabricError, ModelLoadError } from '../../lib/errors.ts';
import { VersionWatch } from '../../lib/hosts/version-watch.ts';
import type { ModelVersion } from '../../lib/models/model-store.ts';

/** A watch on a model whose version is what the test says; it serves version 1. */
function openWatch() {
  const warnings: string[] = [];
  const found = { id: '1', failure: undefined as Error | undefined };
  let failures = 0;
  const watch = new VersionWatch({
    origin: {
      uri: 's3://models/m.onnx',
      look: async () => {
        if (found.failure !== undefined) throw found.failure;
        return version(found.id);
      },
    },
    onWarning: (message) => void warnings.push(message),
    onFailure: () => void (failures += 1),
  });
  watch.serves(version('1'));
  const { signal } = new AbortController();
  /** The id of the version that should serve. */
  const look = async (id = found.id): Promise<string | undefined> => {
    found.id = id;
    return (await watch.newer(signal))?.id;
  };
  return { watch, warnings, found, look, failures: () => failures };
}

function version(id: string): ModelVersion {
  return { id, files: [] };
}

const CORRUPT = new ModelLoadError('corrupt');
const PASSING = [
  new Error('the connection was cut'),
  new FabricError('BUSY', 'come again', { disposition: 'retry' }),
  new ModelLoadError('it was replaced meanwhile', { disposition: 'retry' }),
];

test('VersionWatch keeps a version out whose own fault it is, and tries it again once there was another', async () => {
  const { watch, warnings, look } = openWatch();
  expect(await look('1')).toBeUndefined();
  expect(await look('2')).toBe('2');
  watch.keepOut([version('2')], CORRUPT);
  expect(await look('2')).toBeUndefined();
  expect(await look('3')).toBe('3');
  expect(await look('1')).toBeUndefined();
  expect(await look('2')).toBe('2');
  watch.keepOut([version('2')], CORRUPT);
  expect(warnings).toHaveLength(2);
});

test.each(PASSING)('VersionWatch tries a version again that had bad luck, and says so once: %s', async (error) => {
  const { watch, warnings, look, failures } = openWatch();
  for (let tries = 0; tries < 3; tries += 1) {
    expect(await look('2')).toBe('2');
    watch.keepOut([version('2')], error);
    // On demand, the one before is loaded again.
    watch.serves(version('1'));
  }
  expect(warnings).toEqual([expect.stringContaining(error.message)]);
  expect(failures()).toBe(3);
});

test('VersionWatch goes on keeping a version out when the one before it is loaded again', async () => {
  const { watch, look } = openWatch();
  watch.keepOut([version('2')], CORRUPT);
  watch.serves(version('1'));
  expect(await look('2')).toBeUndefined();
  watch.serves(version('3'));
  expect(await look('2')).toBe('2');
});

test('VersionWatch says once why no version can be found', async () => {
  const { warnings, found, look } = openWatch();
  found.failure = new Error('access denied');
  expect([await look(), await look()]).toEqual([undefined, undefined]);
  found.failure = undefined;
  expect(await look('2')).toBe('2');
  expect(warnings).toEqual([expect.stringContaining('access denied')]);
});
