export {
  type Compute,
  container,
  type ContainerOptions,
  lambda,
  type LambdaOptions,
  type Permission,
} from './config/compute.ts';
export { defineFabric, type Fabric, type PipelineDefinition } from './config/fabric.ts';
export type { KeySegment, Pipeline } from './config/pipeline.ts';
export {
  type BatchFunction,
  branch,
  filter,
  flatMap,
  map,
  mapBatches,
  type MapBatchesOptions,
  runInference,
  type RunInferenceOptions,
  type Split,
  type Step,
} from './config/steps.ts';
export type { Element, ObjectInput } from './elements/element.ts';
export { ConfigError, type Disposition, ElementReadError, FabricError, ModelLoadError } from './errors.ts';
export type { Bundle, BundleSource, BundleSummary, OutcomeChunk, OutcomeSink } from './inference/bundle.ts';
export { InferenceEngine, type InferenceEngineOptions } from './inference/engine/engine.ts';
export { KeyedModelHandler, type KeyedModelHandlerOptions, KeyModelMapping } from './models/keyed-model-handler.ts';
export { decodeImage } from './models/decode-image.ts';
export type { DecodeImageOptions, ImageResize } from './models/image-options.ts';
export type { DeviceOptions, DeviceUse } from './models/device-session.ts';
export { ModelFiles, type ModelFilesOptions } from './models/model-files.ts';
export type {
  BuiltInHandler,
  LoadReport,
  ModelDescription,
  ModelHandlerKind,
  ModelTensors,
  TensorRunner,
} from './models/handler-capabilities.ts';
export type { CodecFiles, CodecSource, ElementCodec } from './models/element-codec.ts';
export type { AggregationStrategy, EntityGroup, TokenEntity } from './models/hugging-face/entities.ts';
export type { HuggingFaceDtype } from './models/hugging-face/folder-selection.ts';
export type { HuggingFaceModel } from './models/hugging-face/hugging-face-model.ts';
export { HuggingFacePipelineModelHandler } from './models/hugging-face/hugging-face-pipeline-model-handler.ts';
export type {
  FeatureExtractionOptions,
  HuggingFaceInput,
  HuggingFaceModelOptions,
  HuggingFacePipelineOptions,
  HuggingFacePrediction,
  HuggingFaceTask,
  HuggingFaceText,
  HuggingFaceTextOptions,
  HuggingFaceTextPair,
  ImageClassificationOptions,
  ImageFeatureExtractionOptions,
  TextClassificationOptions,
  TokenClassificationOptions,
  ZeroShotClassificationOptions,
} from './models/hugging-face/pipeline-options.ts';
export type { ScoreFunction } from './models/hugging-face/scores.ts';
export type { Pooling } from './models/hugging-face/sentence-modules.ts';
export { tokenize, type TokenizedText, type TokenizeOptions } from './models/hugging-face/tokenize.ts';
export type { Classification } from './models/hugging-face/tasks/text-classification.ts';
export type { ZeroShotClassification } from './models/hugging-face/tasks/zero-shot-classification.ts';
export type { ModelHandlerOptions, Probe } from './models/model-handler-options.ts';
export {
  type ElementFunction,
  type InferenceArgs,
  type InferenceResults,
  ModelHandler,
} from './models/model-handler.ts';
export type { GpuProvider, MissingProvider } from './models/missing-provider.ts';
export {
  type OnnxInput,
  OnnxModelHandler,
  type OnnxModelHandlerOptions,
  type OnnxOutput,
} from './models/onnx-model-handler.ts';
export type { OnnxModel } from './models/onnx-session.ts';
export {
  type BedrockApi,
  BedrockModelHandler,
  type BedrockModelHandlerOptions,
} from './remote/bedrock/bedrock-model-handler.ts';
export type { BedrockRecord } from './remote/bedrock/bedrock-record.ts';
export type { ChatInput, ChatMessage, ChatPrediction, ChatUsage } from './remote/chat/chat.ts';
export { EndpointError, type EndpointErrorOptions } from './remote/endpoint/endpoint-error.ts';
export {
  OpenInferenceModelHandler,
  type OpenInferenceModelHandlerOptions,
} from './remote/open-inference/open-inference-model-handler.ts';
export type { OpenAIBatchLine } from './remote/openai/batch-line.ts';
export { OpenAIModelHandler } from './remote/openai/openai-model-handler.ts';
export type { OpenAIModelHandlerOptions, OpenAITask } from './remote/openai/openai-options.ts';
export type { RateLimit } from './remote/flow/rate-limit.ts';
export type { TokenUsage } from './remote/token-usage.ts';
export {
  type EndpointInfo,
  type EndpointPermission,
  RemoteModelHandler,
  type RemoteModelHandlerOptions,
  type RequestOptions,
} from './remote/remote-model-handler.ts';
export {
  SageMakerModelHandler,
  type SageMakerModelHandlerOptions,
} from './remote/sagemaker/sagemaker-model-handler.ts';
export type { SecretReference } from './remote/secrets/secret-reference.ts';
export { readSecret } from './remote/secrets/secrets.ts';
export type { Datatype, NamedTensors, Tensor, TensorMetadata } from './models/tensor.ts';
