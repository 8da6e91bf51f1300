import { expect, test } from 'vitest';
import { environmentOf, VARIABLES } from '../../functions/environment.ts';
import { finalizerSettings, governorSettings, intakeSettings, workerSettings } from '../../functions/settings.ts';

const urlOf = (name: string): string => `https://sqs.eu-central-1.amazonaws.com/1/${name}`;

test('the settings of intake are read as they were written', () => {
  const settings = {
    outputBucket: 'out',
    inputBuckets: ['in', 'archive'],
    queues: { intake: urlOf('i'), finalizer: urlOf('f'), bundles: { wine: urlOf('wine') } },
    maxReceives: 5,
  };
  expect(intakeSettings(environmentOf(settings))).toEqual(settings);
});

test('the settings of a worker are read as they were written', () => {
  const settings = {
    outputBucket: 'out',
    inputBuckets: ['in'],
    queues: { bundles: urlOf('b'), deadLetters: urlOf('d') },
    pipeline: 'wine',
    config: 'fabric.config.mjs',
    maxReceives: 5,
    concurrencyParameter: '/inference-fabric/Stack/Fabric/wine',
    workers: 3,
    stopTimeoutSecs: 120,
    visibilitySecs: 60,
    healthPort: 8080,
  };
  expect(workerSettings(environmentOf(settings))).toEqual(settings);
});

test('the settings of the finalizer are read as they were written', () => {
  const settings = {
    outputBucket: 'out',
    queues: { finalizer: urlOf('f'), deadLetters: { wine: urlOf('d') } },
    eventBus: 'default',
  };
  expect(finalizerSettings(environmentOf(settings))).toEqual(settings);
});

test('the settings of the governor are read as they were written', () => {
  const governed = {
    wine: { poller: 'mapping-1', queue: urlOf('wine'), ceiling: 9 },
    beer: { service: 'cluster/service', queue: urlOf('beer'), ceiling: undefined },
  };
  expect(governorSettings(environmentOf({ parameters: '/fabric', governed })).pipelines).toEqual([
    {
      name: 'wine',
      poller: { kind: 'mapping', id: 'mapping-1' },
      queue: urlOf('wine'),
      parameter: '/fabric/wine',
      ceiling: 9,
    },
    {
      name: 'beer',
      poller: { kind: 'service', cluster: 'cluster', service: 'service' },
      queue: urlOf('beer'),
      parameter: '/fabric/beer',
    },
  ]);
});

test('settings that are undefined have no variable', () => {
  const settings = { outputBucket: 'out', queues: { finalizer: urlOf('f'), deadLetters: {} }, bucketOwners: undefined };
  expect(Object.keys(environmentOf(settings))).toEqual([VARIABLES.outputBucket, VARIABLES.queues]);
});
