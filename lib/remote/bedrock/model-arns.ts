import { partitionOf } from '../aws/aws-partition.ts';

/** `us.anthropic.claude-…`: an inference profile of a geography, or of the world. No provider's name is so short. */
const GEOGRAPHY = /^(?:global|apac|us-gov|[a-z]{2})\.(.+)$/;

/**
 * The ARNs that a caller of a model must be allowed: of a foundation model, or of an inference profile and of the models
 * in all regions that it may choose.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
 *
 * @param modelId a model's id, an inference profile's id, or an ARN
 */
export function modelArns(modelId: string, region: string | undefined): readonly string[] {
  if (modelId.startsWith('arn:')) return arnsOf(modelId);
  const partition = partitionOf(region);
  const here = region ?? '*';
  const [, model] = GEOGRAPHY.exec(modelId) ?? [];
  if (model === undefined) return [`arn:${partition}:bedrock:${here}::foundation-model/${modelId}`];
  return [
    `arn:${partition}:bedrock:${here}:*:inference-profile/${modelId}`,
    `arn:${partition}:bedrock:*::foundation-model/${model}`,
    // A global profile asks for its model in no region, too.
    ...(modelId.startsWith('global.') ? [`arn:${partition}:bedrock:::foundation-model/${model}`] : []),
  ];
}

function arnsOf(arn: string): readonly string[] {
  const [, partition = 'aws', , , , resource = ''] = arn.split(':');
  const [kind, ...rest] = resource.split('/');
  // Whatever stands after a colon belongs to the id: `…-v1:0`.
  const id = arn.slice(arn.indexOf(resource) + `${kind}/`.length);
  if (kind === 'inference-profile' && rest.length > 0) {
    const model = GEOGRAPHY.exec(id)?.[1] ?? id;
    return [arn, `arn:${partition}:bedrock:*::foundation-model/${model}`];
  }
  // Nothing here says which model an application's profile is for.
  if (kind === 'application-inference-profile') return [arn, `arn:${partition}:bedrock:*::foundation-model/*`];
  return [arn];
}
