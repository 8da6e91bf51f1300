import { describe, expect, test } from 'vitest';
import { modelArns } from '../../../lib/remote/bedrock/model-arns.ts';
import { handlerOf, MODEL } from './nova-lite.ts';

describe('a BedrockModelHandler', () => {
  test.for<readonly [modelId: string, region: string | undefined, arns: readonly string[]]>([
    [MODEL, 'eu-west-1', [`arn:aws:bedrock:eu-west-1::foundation-model/${MODEL}`]],
    ['zai.glm-4.7', undefined, ['arn:aws:bedrock:*::foundation-model/zai.glm-4.7']],
    [
      `eu.${MODEL}`,
      'eu-west-1',
      [`arn:aws:bedrock:eu-west-1:*:inference-profile/eu.${MODEL}`, `arn:aws:bedrock:*::foundation-model/${MODEL}`],
    ],
    [
      `global.${MODEL}`,
      undefined,
      [
        `arn:aws:bedrock:*:*:inference-profile/global.${MODEL}`,
        `arn:aws:bedrock:*::foundation-model/${MODEL}`,
        `arn:aws:bedrock:::foundation-model/${MODEL}`,
      ],
    ],
    [
      `us-gov.${MODEL}`,
      'us-gov-west-1',
      [
        `arn:aws-us-gov:bedrock:us-gov-west-1:*:inference-profile/us-gov.${MODEL}`,
        `arn:aws-us-gov:bedrock:*::foundation-model/${MODEL}`,
      ],
    ],
    [
      `arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.${MODEL}`,
      undefined,
      [
        `arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.${MODEL}`,
        `arn:aws:bedrock:*::foundation-model/${MODEL}`,
      ],
    ],
    [
      'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc',
      undefined,
      [
        'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc',
        'arn:aws:bedrock:*::foundation-model/*',
      ],
    ],
    [
      'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc',
      undefined,
      ['arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc'],
    ],
  ])('for %s in %s may call that, and no other', ([modelId, region, arns]) => {
    expect(modelArns(modelId, region)).toEqual(arns);
    const handler = handlerOf({ modelId, ...(region !== undefined && { region }) });
    expect(handler.permissions).toEqual([{ actions: ['bedrock:InvokeModel'], resources: arns }]);
  });
});
