import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { handlerAt, handlerPlace } from '../../lib/config/handler-place.ts';
import { loadConfig, pipelineNamed } from '../../lib/config/load-config.ts';
import { ConfigError } from '../../lib/errors.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { unwrapHandler } from '../../lib/models/model-handler.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import { writeBundle } from '../inference/run-bundle.ts';

function fixture(name: string): URL {
  return new URL(`./fixtures/${name}.config.ts`, import.meta.url);
}

/** A config module with this text. */
async function moduleOf(text: string): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'fabric-config-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'fabric.config.mjs');
  await writeFile(path, text);
  return pathToFileURL(path);
}

async function refusal(url: URL): Promise<string> {
  const error = await loadConfig(url).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).message;
}

describe('loadConfig', () => {
  test('says so where there is no such file', async () => {
    const url = pathToFileURL('/nowhere/fabric.config.ts');
    expect(await refusal(url)).toBe('there is no config file /nowhere/fabric.config.ts');
  });

  test('says so where the file is a folder', async () => {
    const url = await moduleOf('');
    const folder = join(fileURLToPath(url), '..', 'folder');
    await mkdir(folder);
    expect(await refusal(pathToFileURL(folder))).toContain(`${folder} can't be imported: `);
  });

  test('passes on what is wrong with the syntax', async () => {
    const url = await moduleOf('export default {');
    expect(await refusal(url)).toContain(`${fileURLToPath(url)} can't be imported: `);
  });

  test('passes on what a module throws, with its place', async () => {
    const url = await moduleOf("throw new RangeError('no luck')");
    expect(await refusal(url)).toBe(`${fileURLToPath(url)} can't be imported: fabric.config.mjs:1:7: no luck`);
  });

  test.each(['export const fabric = 1;', 'export default { pipelines: {} };', 'export default undefined;'])(
    'wants a fabric by default: %s',
    async (text) => {
      const url = await moduleOf(text);
      expect(await refusal(url)).toBe(
        `${fileURLToPath(url)} must export a fabric by default: export default defineFabric({ … })`,
      );
    },
  );

  test('names the file, and each rule that it breaks', async () => {
    const url = fixture('broken-rules');
    expect(await refusal(url)).toBe(
      [
        `${fileURLToPath(url)}:`,
        'pipelines.shout.input.bundleBytes must be a positive integer: current value is 0',
        'pipelines.shout.maxFailures must be a whole number, 0 or more: current value is -1',
      ].join('\n'),
    );
  });

  test('resolves a relative modelUri against the config, wherever the process was started, through functions too', async () => {
    const { pipelines } = await loadConfig(fixture('relative'));
    for (const { steps } of Object.values(pipelines)) {
      const [step] = steps;
      const handler = step?.kind === 'runInference' ? unwrapHandler(step.handler).handler : undefined;
      expect((handler as OnnxModelHandler).modelPath).toBe(
        fileURLToPath(new URL('../models/double.onnx', import.meta.url)),
      );
    }
  });
});

describe('pipelineNamed', () => {
  test('names the pipelines there are where there is no such one', async () => {
    const fabric = await loadConfig(fixture('relative'));
    expect(pipelineNamed(fabric, 'plain')).toBe(fabric.pipelines['plain']);
    for (const name of ['plane', 'toString', '__proto__']) {
      expect(() => pipelineNamed(fabric, name)).toThrow(
        new ConfigError(`there is no pipeline '${name}': the config has plain, wrapped`),
      );
    }
  });
});

describe('handlerAt', () => {
  test('gives the handler at its place without the functions around it', async () => {
    const fabric = await loadConfig(fixture('relative'));
    const plain = handlerAt(fabric, handlerPlace('plain', 'steps[0].handler'), 'OnnxModelHandler');
    expect(plain).toBeInstanceOf(OnnxModelHandler);
    expect(handlerAt(fabric, handlerPlace('wrapped', 'steps[0].handler'), 'OnnxModelHandler')).toBe(plain);
  });

  test.each([
    [handlerPlace('plain', 'steps[0].handler'), 'Shout', 'OnnxModelHandler'],
    [handlerPlace('plain', 'steps[1].handler'), 'Shout', 'nothing'],
    [handlerPlace('plane', 'steps[0].handler'), 'Shout', 'nothing'],
  ])('refuses another class at %s, naming both', async (place, className, found) => {
    const fabric = await loadConfig(fixture('relative'));
    expect(() => handlerAt(fabric, place, className)).toThrow(
      new ConfigError(
        `${place} must be the same in every import of the config: it was ${className}, and here it is ${found}`,
      ),
    );
  });
});

describe('a config that differs from one import to the next', () => {
  test('ends the run, naming the place and both classes', async () => {
    await using engine = await InferenceEngine.start({ configUrl: fixture('differing'), pipeline: 'echo', workers: 1 });
    const message =
      'echo/steps[0].handler must be the same in every import of the config: it was Echo, and here it is Other';
    const { bundle } = await writeBundle(['a']);
    await expect(engine.process(bundle, { write: () => {} })).rejects.toThrow(message);
    await expect(engine.ready()).rejects.toThrow(message);
  });
});
