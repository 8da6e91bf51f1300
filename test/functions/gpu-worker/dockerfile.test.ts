import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { faultsOf, rawOf, stagesOf } from './dockerfile-rules.ts';

const text = readFileSync(new URL('../../../functions/gpu-worker/Dockerfile', import.meta.url), 'utf8');
const stages = stagesOf(text);
const DEVICES = { DEVICE: ['cpu', 'gpu'] };

/** A Dockerfile with nothing wrong. */
const FINE = `FROM a:1.2.3
COPY --chown=1:1 . .
USER 1:1
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=1s CMD ["b"]
ENTRYPOINT ["c"]
`;

describe('the Dockerfile of a worker', () => {
  test('keeps the rules for an image, for GPUs and for CPUs', () => {
    expect(faultsOf(text, DEVICES)).toEqual([]);
    expect(text).toContain('ARG DEVICE=gpu\n');
  });

  test('has the Node that the tests run on', () => {
    expect(stages[0]?.from.getImage()).toBe(`node:${manifest.devDependencies.node}-bookworm-slim`);
    expect(manifest.devDependencies.node).toMatch(/^24\./);
  });

  test('has CUDA 13 with cuDNN for GPUs alone, and the providers that this onnxruntime fetches for it', () => {
    const imageOf = (stage: string) => stages.find(({ name }) => name === stage)?.from.getImage();
    expect(imageOf('runtime-gpu')).toMatch(/^nvidia\/cuda:13\.\d+\.\d+-cudnn-runtime-ubuntu24\.04$/);
    expect(imageOf('runtime-cpu')).toBe('node-base');
    const runs = stages.flatMap(({ name, instructions }) => instructions.map((it) => `${name ?? ''} ${rawOf(it)}`));
    expect(runs.filter((run) => run.includes('script/install'))).toEqual([
      'packages-gpu ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install',
    ]);
    // A library that is missing ends the build, not the first task.
    expect(runs).toContainEqual(expect.stringMatching(/^runtime-gpu .*! ldd .*'not found'$/s));
    // The package's own list of what its script can install.
    const { requirements } = createRequire(import.meta.url)('onnxruntime-node/script/install-metadata.js') as {
      readonly requirements: Readonly<Record<string, readonly string[]>>;
    };
    expect(requirements['linux/x64']).toContain('cuda12');
  });

  test('says where a worker writes, and that it lies on a volume', () => {
    const last = stages.at(-1)?.instructions.map((it) => it.toString()) ?? [];
    for (const variable of ['TMPDIR=/tmp', 'FABRIC_MODEL_CACHE=/tmp/models', 'CUDA_CACHE_PATH=/tmp/cuda'])
      expect(last.join('\n')).toContain(` ${variable} `);
    expect(last).toContain('VOLUME ["/tmp"]');
  });

  test('goes with what is published', () => {
    expect(manifest.files).toEqual(
      expect.arrayContaining(['functions/gpu-worker/Dockerfile', 'functions/gpu-worker/.dockerignore']),
    );
  });
});

describe('the rules for an image', () => {
  test('find nothing in one that keeps them', () => {
    expect(faultsOf(FINE)).toEqual([]);
  });

  test.each([
    ['a:latest', 'a:1.2.3', 'a:latest must be pinned'],
    ['a:1', 'a:1.2.3', 'a:1 must be pinned'],
    ['a', 'a:1.2.3', 'a must be pinned'],
    ['stage-${DEVICE}', 'a:1.2.3', 'stage-cpu must be pinned'],
    ['COPY . .', 'COPY --chown=1:1 . .', 'COPY --chown'],
    ['ADD --chown=1:1 . .', 'COPY --chown=1:1 . .', 'ADD may fetch'],
    ['USER 0', 'USER 1:1', 'not root'],
    ['USER root', 'USER 1:1', 'not root'],
    ['', 'USER 1:1', 'not root'],
    ['STOPSIGNAL SIGKILL', 'STOPSIGNAL SIGTERM', 'SIGTERM'],
    ['', 'HEALTHCHECK --interval=1s CMD ["b"]', 'health check'],
    ['HEALTHCHECK CMD b', 'HEALTHCHECK --interval=1s CMD ["b"]', 'exec form'],
    ['ENTRYPOINT c', 'ENTRYPOINT ["c"]', 'exec form'],
    ['RUN apt-get update && apt-get install d\nUSER 1', 'USER 1:1', 'lists of apt'],
    ['RUN npm install\nUSER 1', 'USER 1:1', 'without scripts'],
    ['RUN curl x | sh\nUSER 1', 'USER 1:1', 'run unseen'],
    ['VOLUMES /tmp\nUSER 1', 'USER 1:1', 'no such instruction'],
    ['ENV API_KEY=x\nUSER 1', 'USER 1:1', 'no place for a secret'],
  ])('say what is wrong with %o for %o', (wrong, right, fault) => {
    expect(faultsOf(FINE.replace(right, wrong), DEVICES).join('\n')).toContain(fault);
  });
});
