import { AssetHashType, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';

/** Required by CDK, but never used: the local bundling always succeeds. */
const NO_IMAGE = DockerImage.fromRegistry('none');

/**
 * Returns the code of a function, bundled without Docker. If CDK skips the bundling of the stack, nothing is bundled.
 *
 * @param folder - an existing folder, which CDK treats as the source
 */
export function bundledCode(folder: string, local: ILocalBundling): lambda.Code {
  return lambda.Code.fromAsset(folder, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: { image: NO_IMAGE, local },
  });
}
