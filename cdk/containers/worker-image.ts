import { AssetHashType, AssetStaging, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import { ownFile } from '../own-modules.ts';
import { configModule, type UserCode } from '../bundling/engine-bundling.ts';
import { layOutWorker } from '../bundling/worker-bundling.ts';

export interface WorkerImage {
  readonly image: ecs.ContainerImage;
  /** The config module, by its path in the image. */
  readonly configModule: string;
}

/** CDK wants one; the local bundling never leaves the work to it. */
const NO_IMAGE = DockerImage.fromRegistry('none');

/** The folder that a worker's image is built of, made here and without Docker. */
class WorkerBundling implements ILocalBundling {
  // Public, because CDK takes two bundlings for the same where what it sees of them is.
  readonly code: UserCode;

  constructor(code: UserCode) {
    this.code = code;
  }

  tryBundle(outputDir: string): boolean {
    layOutWorker(this.code, outputDir);
    return true;
  }
}

/** A pipeline's image. It is built when it is deployed, which takes Docker; where nothing is bundled, it has no code. */
export function workerImage(scope: Construct, device: 'cpu' | 'gpu', code: UserCode): WorkerImage {
  const context = new AssetStaging(scope, 'Code', {
    sourcePath: ownFile('functions/gpu-worker'),
    assetHashType: AssetHashType.OUTPUT,
    bundling: { image: NO_IMAGE, local: new WorkerBundling(code) },
  });
  const image = ecs.ContainerImage.fromAsset(context.absoluteStagedPath, {
    platform: Platform.LINUX_AMD64,
    buildArgs: { DEVICE: device },
  });
  return { image, configModule: configModule(code) };
}
