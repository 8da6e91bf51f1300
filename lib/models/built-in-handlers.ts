import type { BuiltInHandler } from './handler-capabilities.ts';
import type { HuggingFacePipelineOptions } from './hugging-face/pipeline-options.ts';
import type { ModelHandler } from './model-handler.ts';

/**
 * Handlers that a model host creates from their options, without importing the config module, by the names that their
 * `builtIn` gives. Each is imported only when a host needs it.
 */
const HANDLERS: Readonly<Record<string, (options: never) => Promise<ModelHandler>>> = {
  onnx: async (options) => {
    const handler = import('./onnx-model-handler.ts');
    // A host that waits for its model has its runtime imported already.
    await import('onnxruntime-node');
    return new (await handler).OnnxModelHandler(options);
  },
  'hugging-face': async (options) => {
    const handler = import('./hugging-face/hugging-face-pipeline.ts');
    await import('onnxruntime-node');
    // A host passes tensors to it, and the elements of its own probe.
    return new (await handler).HuggingFacePipeline<HuggingFacePipelineOptions>(options) as ModelHandler;
  },
};

/** Creates a handler in a model host. @throws TypeError if there is no such handler */
export async function createBuiltIn({ name, options }: BuiltInHandler): Promise<ModelHandler> {
  const create = HANDLERS[name];
  if (create === undefined) throw new TypeError(`there is no built-in handler '${name}'`);
  return create(options as never);
}
