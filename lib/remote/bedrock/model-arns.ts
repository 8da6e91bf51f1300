import { partitionOf } from '../aws/aws-partition.ts';

/** An inference profile of a geography, or a global one: `us.anthropic.claude-…`. Names of providers are longer. */
const GEOGRAPHY = /^(?:global|apac|us-gov|[a-z]{2})\.(.+)$/;

/**
 * Returns the ARNs for which a caller of a model needs permission: a foundation model, or an inference profile and the
 * models in all Regions that it can choose.
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
    // A global profile also requires its model without a Region.
    ...(modelId.startsWith('global.') ? [`arn:${partition}:bedrock:::foundation-model/${model}`] : []),
  ];
}

function arnsOf(arn: string): readonly string[] {
  const [, partition = 'aws', , , , resource = ''] = arn.split(':');
  const [kind, ...rest] = resource.split('/');
  // The part after a colon belongs to the id: `…-v1:0`.
  const id = arn.slice(arn.indexOf(resource) + `${kind}/`.length);
  if (kind === 'inference-profile' && rest.length > 0) {
    const model = GEOGRAPHY.exec(id)?.[1] ?? id;
    return [arn, `arn:${partition}:bedrock:*::foundation-model/${model}`];
  }
  // The model of an application's profile is unknown here.
  if (kind === 'application-inference-profile') return [arn, `arn:${partition}:bedrock:*::foundation-model/*`];
  return [arn];
}
