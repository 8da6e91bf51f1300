import type { PipelineModel } from '../../config/pipeline-models.ts';
import { ModelOrigin } from '../../hosts/model-origin.ts';
import { encodeProbe } from '../../hosts/probe.ts';
import type { HandlerSpec } from '../../hosts/protocol.ts';
import type { ModelHandler } from '../../models/model-handler.ts';
import type { ModelStore } from '../../models/model-store.ts';

/** A model whose handler runs in a host. */
export interface HostedHandler {
  readonly model: PipelineModel;
  /** Place of the handler in the config. */
  readonly place: string;
  readonly configUrl: string;
  /** Brings the model to this machine. */
  readonly modelStore: ModelStore;
}

/** A handler that looks for its model itself has no versions. */
export function originOf({ model: { handler, step }, modelStore }: HostedHandler): { readonly origin?: ModelOrigin } {
  const { modelFiles } = handler;
  if (modelFiles?.isFetched !== true) return {};
  const inPlace = step.refreshSecs === undefined;
  return { origin: new ModelOrigin({ store: modelStore, uri: modelFiles.uri, inPlace, select: modelFiles.select }) };
}

/** Returns the probe in the form that crosses to the host. */
export function probeOf({ handler, step }: PipelineModel): { readonly probe?: string } {
  const { probe } = handler.options;
  return probe === undefined ? {} : { probe: encodeProbe(probe, step.inferenceArgs) };
}

/** Returns what a model host creates the handler from: data, or its place in the config module. */
export function handlerSpec(handler: ModelHandler, { configUrl, place }: HostedHandler): HandlerSpec {
  const { builtIn } = handler;
  if (builtIn !== undefined) return { kind: 'built-in', ...builtIn };
  return { kind: 'config', configUrl, place, className: handler.constructor.name };
}
