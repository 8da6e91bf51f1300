import { AssetHashType, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';

/** CDK wants one; the local bundling never leaves the work to it. */
const NO_IMAGE = DockerImage.fromRegistry('none');

/**
 * A function's code, made here and without Docker. Where the stack is not to be bundled, nothing is made.
 *
 * @param folder - any that exists; CDK takes it for the source.
 */
export function bundledCode(folder: string, local: ILocalBundling): lambda.Code {
  return lambda.Code.fromAsset(folder, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: { image: NO_IMAGE, local },
  });
}
