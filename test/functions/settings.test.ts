import { describe, expect, test } from 'vitest';
import {
  finalizerSettings,
  governorSettings,
  intakeSettings,
  processorSettings,
  workerSettings,
} from '../../functions/settings.ts';

const URL_OF = (name: string): string => `https://sqs.eu-west-1.amazonaws.com/123456789012/${name}`;

const intake = {
  FABRIC_OUTPUT_BUCKET: 'out',
  FABRIC_INPUT_BUCKETS: '["in","archive"]',
  FABRIC_QUEUES: JSON.stringify({ intake: URL_OF('i'), finalizer: URL_OF('f'), bundles: { wine: URL_OF('wine') } }),
  FABRIC_MAX_RECEIVES: '5',
};

const processor = {
  FABRIC_OUTPUT_BUCKET: 'out',
  FABRIC_INPUT_BUCKETS: '["in"]',
  FABRIC_QUEUES: JSON.stringify({ bundles: URL_OF('b'), deadLetters: URL_OF('d') }),
  FABRIC_PIPELINE: 'wine',
  FABRIC_CONFIG: 'fabric.config.mjs',
  FABRIC_MAX_RECEIVES: '5',
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '2048',
};

const finalizer = {
  FABRIC_OUTPUT_BUCKET: 'out',
  FABRIC_QUEUES: JSON.stringify({ finalizer: URL_OF('f'), deadLetters: { wine: URL_OF('d') } }),
};

const governor = {
  FABRIC_PARAMETERS: '/inference-fabric/Stack/Fabric',
  FABRIC_GOVERNED: JSON.stringify({
    wine: { poller: 'p-1', queue: URL_OF('wine'), ceiling: 40 },
    digits: { poller: 'p-2', queue: URL_OF('digits') },
    scans: { service: 'all/scans', queue: URL_OF('scans'), ceiling: 4 },
  }),
};

describe('the settings of a function', () => {
  test('are what its environment says', () => {
    expect(intakeSettings(intake)).toEqual({
      outputBucket: 'out',
      inputBuckets: ['in', 'archive'],
      queues: { intake: URL_OF('i'), finalizer: URL_OF('f'), bundles: { wine: URL_OF('wine') } },
      maxReceives: 5,
    });
    expect(processorSettings(processor)).toEqual({
      outputBucket: 'out',
      inputBuckets: ['in'],
      queues: { bundles: URL_OF('b'), deadLetters: URL_OF('d') },
      pipeline: 'wine',
      config: 'fabric.config.mjs',
      maxReceives: 5,
      cores: 1,
    });
    expect(finalizerSettings({ ...finalizer, FABRIC_EVENT_BUS: 'bus' })).toEqual({
      outputBucket: 'out',
      queues: { finalizer: URL_OF('f'), deadLetters: { wine: URL_OF('d') } },
      eventBus: 'bus',
    });
    expect(finalizerSettings({ ...finalizer, FABRIC_EVENT_BUS: '' })).not.toHaveProperty('eventBus');
    const FABRIC_CONCURRENCY_PARAMETER = '/inference-fabric/Stack/Fabric/wine';
    expect(processorSettings({ ...processor, FABRIC_CONCURRENCY_PARAMETER })).toMatchObject({
      concurrencyParameter: FABRIC_CONCURRENCY_PARAMETER,
    });
    expect(governorSettings(governor)).toEqual({
      pipelines: [
        {
          name: 'wine',
          poller: { kind: 'mapping', id: 'p-1' },
          queue: URL_OF('wine'),
          parameter: '/inference-fabric/Stack/Fabric/wine',
          ceiling: 40,
        },
        {
          name: 'digits',
          poller: { kind: 'mapping', id: 'p-2' },
          queue: URL_OF('digits'),
          parameter: '/inference-fabric/Stack/Fabric/digits',
        },
        {
          name: 'scans',
          poller: { kind: 'service', cluster: 'all', service: 'scans' },
          queue: URL_OF('scans'),
          parameter: '/inference-fabric/Stack/Fabric/scans',
          ceiling: 4,
        },
      ],
    });
  });

  test.each([
    ['128', 1],
    ['1769', 1],
    ['3537', 1],
    ['3538', 2],
    ['10240', 5],
  ])('count a core for each 1,769 MB: of %s MB, %i', (memory, cores) => {
    expect(processorSettings({ ...processor, AWS_LAMBDA_FUNCTION_MEMORY_SIZE: memory }).cores).toBe(cores);
  });

  test.each(Object.keys(processor))('name %s where it is missing', (name) => {
    const message = `the environment variable ${name} is wrong: it must be set`;
    expect(() => processorSettings({ ...processor, [name]: undefined })).toThrow(message);
    expect(() => processorSettings({ ...processor, [name]: '' })).toThrow(message);
  });

  test.each([
    [{ FABRIC_QUEUES: '{' }, 'FABRIC_QUEUES is wrong: it must be JSON'],
    [{ FABRIC_QUEUES: '{"intake":7}' }, "FABRIC_QUEUES is wrong: 'intake' must be the URL of a queue"],
    [
      { FABRIC_QUEUES: JSON.stringify({ intake: URL_OF('i'), finalizer: URL_OF('f'), bundles: { wine: 'wine' } }) },
      "FABRIC_QUEUES is wrong: 'bundles.wine' must be the URL of a queue",
    ],
    [{ FABRIC_INPUT_BUCKETS: '[]' }, 'FABRIC_INPUT_BUCKETS is wrong: it must be a list of bucket names'],
    [{ FABRIC_INPUT_BUCKETS: '"in"' }, 'FABRIC_INPUT_BUCKETS is wrong: it must be a list of bucket names'],
  ])('say what is wrong: %o', (wrong, message) => {
    expect(() => intakeSettings({ ...intake, ...wrong })).toThrow(message);
  });

  test('name what is wrong with a governed pipeline', () => {
    const wrong = JSON.stringify({ wine: { poller: 'p-1', queue: 'wine' } });
    expect(() => governorSettings({ ...governor, FABRIC_GOVERNED: wrong })).toThrow(
      "FABRIC_GOVERNED is wrong: 'wine.queue' must be the URL of a queue",
    );
    expect(() => governorSettings({ ...governor, FABRIC_PARAMETERS: '' })).toThrow('FABRIC_PARAMETERS is wrong');
  });

  test('of a worker say how its container is run, and may be left out', () => {
    const bundles = {
      outputBucket: 'out',
      inputBuckets: ['in'],
      queues: { bundles: URL_OF('b'), deadLetters: URL_OF('d') },
      pipeline: 'wine',
      config: 'fabric.config.mjs',
      maxReceives: 5,
    };
    expect(workerSettings({ ...processor, FABRIC_HEALTH_PORT: '', ECS_AGENT_URI: '' })).toEqual({
      ...bundles,
      stopTimeoutSecs: 30,
    });
    const given = {
      FABRIC_STOP_TIMEOUT_SECS: '120',
      FABRIC_VISIBILITY_SECS: '60',
      FABRIC_HEALTH_PORT: '8080',
      FABRIC_WORKERS: '3',
      ECS_AGENT_URI: 'http://169.254.170.2/api/x',
    };
    expect(workerSettings({ ...processor, ...given })).toEqual({
      ...bundles,
      stopTimeoutSecs: 120,
      visibilitySecs: 60,
      healthPort: 8080,
      workers: 3,
      ecsAgentUri: 'http://169.254.170.2/api/x',
    });
    expect(() => workerSettings({ ...processor, FABRIC_HEALTH_PORT: '65536' })).toThrow(
      'FABRIC_HEALTH_PORT is wrong: it must be a port: 65535 at most',
    );
    expect(() => workerSettings({ ...processor, FABRIC_STOP_TIMEOUT_SECS: '0' })).toThrow('a positive integer');
  });

  test('want a count of receives', () => {
    expect(() => processorSettings({ ...processor, FABRIC_MAX_RECEIVES: 'five' })).toThrow(
      'the environment variable FABRIC_MAX_RECEIVES is wrong: it must be a positive integer',
    );
  });
});
