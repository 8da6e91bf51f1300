import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deviceWarning, openOnGpu } from '../../lib/models/device-session.ts';
import type { GpuProvider } from '../../lib/models/missing-provider.ts';
import { OnnxModelHandler, type OnnxModelHandlerOptions } from '../../lib/models/onnx-model-handler.ts';
import { askLoader } from '../../lib/models/provider-library.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { infer, modelFile } from './model-files.ts';
import { hasCuda } from './has-cuda.ts';

const NO_LIBRARY = {
  tensorrt: 'OrtSessionOptionsAppendExecutionProvider_TensorRT: Failed to load shared library',
  cuda: 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
};

/** A machine with an onnxruntime that throws these errors for the providers that can't be used there. */
function machine(
  errors: Partial<Record<GpuProvider | 'cpu', string>>,
  loader: Partial<Record<GpuProvider, string>> = {},
) {
  const tried: (readonly string[])[] = [];
  return {
    tried,
    supported: ['cpu', 'webgpu', 'cuda', 'tensorrt'] as readonly string[],
    async create(providers: readonly string[]): Promise<string> {
      tried.push(providers);
      for (const [provider, message] of Object.entries(errors))
        if (providers.includes(provider)) throw new Error(message);
      return `session on ${providers.join('+')}`;
    },
    askLoader: (provider: GpuProvider) => loader[provider],
  };
}

describe('openOnGpu', () => {
  test('gives the session all that is asked for, in that order, where it is there', async () => {
    const { tried, ...there } = machine({});
    const opened = await openOnGpu({ ...there, providers: ['tensorrt', 'cuda'], onMissingDevice: 'fail' });
    expect(opened).toEqual({
      session: 'session on tensorrt+cuda',
      use: { providers: ['tensorrt', 'cuda'], missing: [] },
    });
    expect(tried).toHaveLength(1);
  });

  test('goes on with the other providers, also where the CPU must not be used: they compute on the GPU too', async () => {
    const errors = { tensorrt: NO_LIBRARY.tensorrt };
    const { tried, ...there } = machine(errors, {
      tensorrt: 'tensorrt: libnvinfer.so.10: cannot open shared object file',
    });
    const { use } = await openOnGpu({ ...there, providers: ['tensorrt', 'cuda'], onMissingDevice: 'fail' });
    expect(tried).toEqual([['tensorrt', 'cuda'], ['cuda']]);
    expect(use.providers).toEqual(['cuda']);
    expect(deviceWarning('wine/steps[0].handler', use)).toBe(
      "the model of wine/steps[0].handler runs on cuda alone: tensorrt can't be used, as libnvinfer.so.10 is missing (install TensorRT 10)",
    );
  });

  test('fails rather than to compute on the CPU, and names all that is missing', async () => {
    const there = machine(NO_LIBRARY, {
      cuda: 'cuda: libcudnn.so.9: cannot open shared object file: No such file or directory',
    });
    await expect(
      openOnGpu({ ...there, providers: ['tensorrt', 'cuda'], onMissingDevice: 'fail' }),
    ).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: expect.stringMatching(
        /tensorrt can't be used, as its library can't be loaded.*; cuda can't be used, as libcudnn\.so\.9 is missing \(install cuDNN 9\)\. With 'onMissingDevice'/,
      ),
    });
    expect(there.tried).not.toContainEqual(['cpu']);
  });

  test('computes on the CPU where that is allowed, and says so', async () => {
    const there = machine({ cuda: NO_LIBRARY.cuda }, { cuda: 'cuda: libcublas.so.12: cannot open shared object file' });
    const { session, use } = await openOnGpu({ ...there, providers: ['cuda'], onMissingDevice: 'cpu' });
    expect(session).toBe('session on cpu');
    expect(deviceWarning('p', use)).toBe(
      "the model of p runs on the CPU, though it asks for device 'GPU': cuda can't be used, as libcublas.so.12 is missing (install the libraries of CUDA 12)",
    );
  });

  test('does not ask for what the build does not have, as onnxruntime would drop it without a word', async () => {
    const there = { ...machine({}), supported: ['cpu', 'coreml', 'webgpu'] };
    const { use } = await openOnGpu({ ...there, providers: ['cuda', 'webgpu'], onMissingDevice: 'fail' });
    expect(there.tried).toEqual([['webgpu']]);
    expect(use).toMatchObject({ providers: ['webgpu'], missing: [{ provider: 'cuda' }] });
  });

  test('takes no error of the model, or of memory, for a device that is missing', async () => {
    const memory = 'CUDA failure 2: out of memory ; GPU=0 ; hostname=h';
    for (const message of ['Load model from m.onnx failed:Protobuf parsing failed.', memory]) {
      const there = machine({ cuda: message });
      await expect(openOnGpu({ ...there, providers: ['cuda'], onMissingDevice: 'cpu' })).rejects.toThrow(message);
      expect(there.tried).toEqual([['cuda']]);
    }
  });
});

describe('askLoader', () => {
  test("names the provider's library where onnxruntime-node was installed without it", async () => {
    const folder = await temporaryFolder();
    expect(askLoader('cuda', folder)).toMatch(/libonnxruntime_providers_cuda\.so: cannot open shared object file/);
  });

  test.runIf(process.platform === 'linux')(
    'names what is wrong with one that is there, and nothing where it can be loaded',
    async () => {
      const folder = await temporaryFolder();
      await writeFile(join(folder, 'libonnxruntime_providers_cuda.so'), '');
      expect(askLoader('cuda', folder)).toMatch(/libonnxruntime_providers_shared\.so: cannot open/);
      // Any library will do that a process has loaded anyway.
      const library = process.report.getReport() as unknown as { readonly sharedObjects: readonly string[] };
      const libc = library.sharedObjects.find((path) => /\/libm\.so/.test(path)) ?? 'no libm in this process';
      await symlink(libc, join(folder, 'libonnxruntime_providers_shared.so'));
      expect(askLoader('cuda', folder)).toMatch(/libonnxruntime_providers_cuda\.so: file too short/);
      await symlink(libc, join(folder, 'libonnxruntime_providers_tensorrt.so'));
      expect(askLoader('tensorrt', folder)).toBeUndefined();
    },
  );
});

describe.skipIf(hasCuda())("OnnxModelHandler with device 'GPU', where there is none", () => {
  const rows = [{ x: Array.from({ length: 30 }, (_, n) => n / 30) }];

  test('fails by default, and names the library and what brings it', async () => {
    const handler = new OnnxModelHandler({ modelUri: modelFile('mlp.onnx'), device: 'GPU' });
    await expect(handler.loadModel()).rejects.toMatchObject({
      name: 'ModelLoadError',
      message: expect.stringMatching(
        /mlp\.onnx can't be loaded on device 'GPU': cuda can't be used, as (libonnxruntime_providers_cuda\.so is missing \(install onnxruntime-node with ONNXRUNTIME_NODE_INSTALL=cuda12|onnxruntime-node has none for)/,
      ),
    });
  });

  test("gives what device 'CPU' gives where it may compute there", async () => {
    const options = {
      device: 'GPU',
      onMissingDevice: 'cpu',
      executionProviders: ['tensorrt', 'cuda', 'webgpu'],
    } as const;
    const handler = new OnnxModelHandler({ modelUri: modelFile('mlp.onnx'), ...options });
    const model = await handler.loadModel();
    expect(model.device).toMatchObject({ providers: ['cpu'] });
    expect(model.device?.missing.map(({ provider }) => provider).toSorted()).toEqual(['cuda', 'tensorrt', 'webgpu']);
    expect(await handler.runInference(rows, model)).toEqual(await infer('mlp.onnx', rows));
  });

  test('still says of a corrupt model that it is corrupt', async () => {
    const handler = new OnnxModelHandler({
      modelUri: modelFile('corrupt.onnx'),
      device: 'GPU',
      onMissingDevice: 'cpu',
    });
    await expect(handler.loadModel()).rejects.toThrow(/corrupt\.onnx can't be loaded on device 'GPU': .*[Pp]rotobuf/);
  });
});

describe('the device options', () => {
  test.each([
    [{ device: 'TPU' }, "'device' must be 'CPU' or 'GPU': current value is TPU"],
    [{ executionProviders: ['cuda'] }, "'executionProviders' must be left out on device 'CPU'"],
    [
      { device: 'GPU', executionProviders: [] },
      'must be some of tensorrt, cuda, webgpu, each once: current value is []',
    ],
    [{ device: 'GPU', executionProviders: ['cuda', 'cuda'] }, 'each once: current value is [cuda, cuda]'],
    [{ device: 'GPU', executionProviders: ['rocm'] }, 'current value is [rocm]'],
    [{ device: 'GPU', onMissingDevice: 'warn' }, "'onMissingDevice' must be 'fail' or 'cpu': current value is warn"],
    [
      { device: 'GPU', sessionOptions: { executionProviders: ['cuda'] } },
      "'sessionOptions.executionProviders' must be left out",
    ],
  ])('are checked: %j', (options, message) => {
    const create = (): unknown =>
      new OnnxModelHandler({ modelUri: 'm.onnx', ...(options as Partial<OnnxModelHandlerOptions>) });
    expect(create).toThrow(message);
  });

  test("leave onnxruntime's own alone: what sessionOptions name is what it runs on", async () => {
    const handler = new OnnxModelHandler({
      modelUri: modelFile('mlp.onnx'),
      sessionOptions: { executionProviders: ['cpu'] },
    });
    expect((await handler.loadModel()).device).toEqual({ providers: ['cpu'], missing: [] });
    const plain = new OnnxModelHandler({ modelUri: modelFile('mlp.onnx') });
    expect((await plain.loadModel()).device).toBeUndefined();
  });
});
