export { FabricContainersStack } from './containers/containers-stack.ts';
export { FabricPipeline } from './fabric-pipeline.ts';
export { FabricStack, type FabricStackProps } from './fabric-stack.ts';
export { InferenceFabric } from './inference-fabric.ts';
export type { InferenceFabricProps } from './inference-fabric-props.ts';
