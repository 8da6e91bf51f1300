import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { InferenceFabric } from './inference-fabric.ts';
import type { InferenceFabricProps } from './inference-fabric-props.ts';

export interface FabricStackProps extends StackProps {
  readonly fabric: InferenceFabricProps;
}

/** A stack that is one fabric, and says where files are dropped and results found. */
export class FabricStack extends Stack {
  readonly fabric: InferenceFabric;

  constructor(scope: Construct, id: string, { fabric, ...props }: FabricStackProps) {
    super(scope, id, props);
    this.fabric = new InferenceFabric(this, 'Fabric', fabric);
    const { inputBucket, outputBucket, intakeQueue, finalizerQueue, pipelines } = this.fabric;
    this.#say('InputBucket', inputBucket.bucketName, 'Drop files here, under the name of a pipeline');
    this.#say('OutputBucket', outputBucket.bucketName, 'Results are here, under the name of their pipeline');
    this.#say('IntakeQueueUrl', intakeQueue.queueUrl, 'Takes events of created objects');
    this.#say('FinalizerQueueUrl', finalizerQueue.queueUrl, 'Takes jobs to end');
    for (const [name, { bundleQueue, elementDeadLetters }] of pipelines) {
      const id = this.#freeId(pascalCase(name));
      this.#say(`${id}QueueUrl`, bundleQueue.queueUrl, `Send elements for ${name} here`);
      this.#say(`${id}DeadLettersUrl`, elementDeadLetters.queueUrl, `Failed elements of ${name} are here`);
    }
  }

  #say(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }

  /** `a-1` and `a1` would have the same. */
  #freeId(id: string): string {
    return this.node.tryFindChild(`${id}QueueUrl`) === undefined ? id : this.#freeId(`${id}x`);
  }
}

function pascalCase(name: string): string {
  return name
    .split('-')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}
