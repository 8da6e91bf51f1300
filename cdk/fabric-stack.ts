import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { InferenceFabric } from './inference-fabric.ts';
import type { InferenceFabricProps } from './inference-fabric-props.ts';

/** Properties of a FabricStack. */
export interface FabricStackProps extends StackProps {
  /** Properties of the fabric. */
  readonly fabric: InferenceFabricProps;
}

/** A stack with one fabric; its outputs are the names of the buckets and the URLs of the queues. */
export class FabricStack extends Stack {
  /** The fabric. */
  readonly fabric: InferenceFabric;

  constructor(scope: Construct, id: string, { fabric, ...props }: FabricStackProps) {
    super(scope, id, props);
    this.fabric = new InferenceFabric(this, 'Fabric', fabric);
    const { inputBucket, outputBucket, intakeQueue, finalizerQueue, pipelines } = this.fabric;
    this.#output('InputBucket', inputBucket.bucketName, 'Drop files here, under the name of a pipeline');
    this.#output('OutputBucket', outputBucket.bucketName, 'Results are here, under the name of their pipeline');
    this.#output('IntakeQueueUrl', intakeQueue.queueUrl, 'Takes events of created objects');
    this.#output('FinalizerQueueUrl', finalizerQueue.queueUrl, 'Takes jobs to end');
    for (const [name, { bundleQueue, elementDeadLetters }] of pipelines) {
      const id = this.#freeId(pascalCase(name));
      this.#output(`${id}QueueUrl`, bundleQueue.queueUrl, `Send elements for ${name} here`);
      this.#output(`${id}DeadLettersUrl`, elementDeadLetters.queueUrl, `Failed elements of ${name} are here`);
    }
  }

  #output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }

  /** Returns an id that is not in use, as the ids of `a-1` and `a1` are the same. */
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
