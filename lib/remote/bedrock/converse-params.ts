import type { ConverseCommandInput, InferenceConfiguration, SystemContentBlock } from '@aws-sdk/client-bedrock-runtime';
import { InputMismatchError } from '../../models/element-shape.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { shownValue } from '../shown-value.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Arguments that all models have; other arguments are the model's own. */
const COMMON_ARGS = new Set(['maxTokens', 'temperature', 'topP', 'stopSequences']);

/**
 * Fields of a Converse request.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 */
export const CONVERSE_FIELDS: ReadonlySet<string> = new Set([
  'additionalModelRequestFields',
  'additionalModelResponseFieldPaths',
  'guardrailConfig',
  'inferenceConfig',
  'messages',
  'modelId',
  'outputConfig',
  'performanceConfig',
  'promptVariables',
  'requestMetadata',
  'serviceTier',
  'system',
  'toolConfig',
]);

export interface ConverseOptions {
  readonly system?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly additionalModelRequestFields?: Readonly<Record<string, unknown>> | undefined;
}

/** Parameters of a request, from all sources. */
export interface ConverseParams {
  readonly inferenceConfig: InferenceConfiguration;
  readonly additionalModelRequestFields: Fields;
  /** System blocks from the element's `system` field, separate from its messages. */
  readonly system: readonly SystemContentBlock[];
  /** Other fields of the request. */
  readonly others: Partial<ConverseCommandInput>;
}

/**
 * Merges the handler's options, then the element's fields other than its messages, then the arguments; each takes
 * precedence over the ones before it.
 *
 * @throws InputMismatchError if an element has a field that Converse does not have, or names another model.
 */
export function converseParams(
  stated: Fields,
  { modelId, maxTokens, temperature, additionalModelRequestFields }: ConverseOptions & { readonly modelId?: string },
  args: InferenceArgs,
): ConverseParams {
  for (const name of Object.keys(stated)) {
    if (CONVERSE_FIELDS.has(name) || COMMON_ARGS.has(name)) continue;
    const advice =
      "set arguments of this model in 'additionalModelRequestFields', or use api: 'invoke' for the model's own request body";
    throw new InputMismatchError(`an element has ${shownValue(name)}, which Converse does not have: ${advice}`);
  }
  const { modelId: named, system, inferenceConfig, additionalModelRequestFields: fields, ...others } = stated;
  if (named !== undefined && named !== modelId) {
    throw new InputMismatchError(`the element's 'modelId' is ${shownValue(named)}, and the handler's '${modelId}'`);
  }
  return {
    inferenceConfig: {
      ...statedIn({ maxTokens, temperature }),
      ...statedIn(objectIn(inferenceConfig, 'inferenceConfig')),
      ...pick(others, true),
      ...pick(args, true),
    },
    additionalModelRequestFields: {
      ...additionalModelRequestFields,
      ...objectIn(fields, 'additionalModelRequestFields'),
      ...pick(args, false),
    },
    system: systemIn(system),
    // The shape of the request is checked before it is sent.
    others: pick(others, false),
  };
}

/** Picks the common arguments, or all others. */
function pick(fields: Fields, common: boolean): Fields {
  return statedIn(Object.fromEntries(Object.entries(fields).filter(([name]) => COMMON_ARGS.has(name) === common)));
}

/** Drops fields that are undefined, which count as absent. */
function statedIn(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function objectIn(value: unknown, name: string): Fields {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Fields;
  throw new InputMismatchError(`the element's '${name}' must be an object`);
}

function systemIn(system: unknown): readonly SystemContentBlock[] {
  if (system === undefined || system === null) return [];
  if (typeof system === 'string') return [{ text: system }];
  if (Array.isArray(system)) return system as readonly SystemContentBlock[]; // Its shape is checked before it is sent.
  throw new InputMismatchError("the element's 'system' must be text, or a list of blocks");
}

/** Returns the maximum tokens of an answer that an element sets. */
export function maxTokensIn(element: unknown): number | undefined {
  if (typeof element !== 'object' || element === null) return undefined;
  const { modelInput = element } = element as Fields;
  const { maxTokens, inferenceConfig } = { ...(modelInput as Fields) };
  const { maxTokens: configured = maxTokens } = { ...(inferenceConfig as Fields) };
  return typeof configured === 'number' ? configured : undefined;
}
