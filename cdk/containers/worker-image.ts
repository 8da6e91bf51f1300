import { AssetHashType, AssetStaging, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import type { Construct } from 'constructs';
import { ownFile } from '../own-modules.ts';
import { configModule, type UserCode } from '../bundling/engine-bundling.ts';
import { layOutWorker } from '../bundling/worker-bundling.ts';

/** Image of a worker. */
export interface WorkerImage {
  /** Image, built by the deployment. */
  readonly image: ecs.ContainerImage;
  /** Path of the config module in the image. */
  readonly configModule: string;
}

/** Required by CDK, but never used: the local bundling always succeeds. */
const NO_IMAGE = DockerImage.fromRegistry('none');

/** Bundles the build context of a worker's image without Docker. */
class WorkerBundling implements ILocalBundling {
  // Public, because CDK compares bundlings by their public properties.
  readonly code: UserCode;

  constructor(code: UserCode) {
    this.code = code;
  }

  tryBundle(outputDir: string): boolean {
    layOutWorker(this.code, outputDir);
    return true;
  }
}

/** Returns the image of a pipeline. The deployment builds it, which requires Docker; without bundling it has no code. */
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
