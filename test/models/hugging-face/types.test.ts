import { expectTypeOf, test } from 'vitest';
import {
  type Classification,
  type EntityGroup,
  HuggingFacePipelineModelHandler,
  type HuggingFaceTextPair,
  type ModelHandler,
  type TokenEntity,
  type ZeroShotClassification,
} from '../../../lib/index.ts';

/** Element and prediction of a handler, as a function around it gets them. */
type Input<Handler> = Handler extends ModelHandler<infer Element> ? Element : never;
type Output<Handler> = Handler extends ModelHandler<never, infer Prediction> ? Prediction : never;

const model = 'm';

test('the literal task fixes the types of elements and predictions', () => {
  const best = new HuggingFacePipelineModelHandler({ task: 'text-classification', model });
  expectTypeOf<Input<typeof best>>().toEqualTypeOf<HuggingFaceTextPair>();
  expectTypeOf<Output<typeof best>>().toEqualTypeOf<Classification>();
  const all = new HuggingFacePipelineModelHandler({ task: 'image-classification', model, topK: null });
  expectTypeOf<Output<typeof all>>().toEqualTypeOf<readonly Classification[]>();
  const declared = new HuggingFacePipelineModelHandler({ task: 'feature-extraction', model, inputs: 'review' });
  expectTypeOf<Input<typeof declared>>().toEqualTypeOf<unknown>();
  expectTypeOf<Output<typeof declared>>().toEqualTypeOf<readonly number[]>();
  const tokens = new HuggingFacePipelineModelHandler({ task: 'feature-extraction', model, pooling: 'none' });
  expectTypeOf<Output<typeof tokens>>().toEqualTypeOf<readonly (readonly number[])[]>();
  const entities = new HuggingFacePipelineModelHandler({ task: 'token-classification', model });
  expectTypeOf<Output<typeof entities>>().toEqualTypeOf<readonly TokenEntity[]>();
  const groups = new HuggingFacePipelineModelHandler({
    task: 'token-classification',
    model,
    aggregationStrategy: 'max',
  });
  expectTypeOf<Output<typeof groups>>().toEqualTypeOf<readonly EntityGroup[]>();
  const topics = new HuggingFacePipelineModelHandler({
    task: 'zero-shot-classification',
    model,
    candidateLabels: ['a'],
  });
  expectTypeOf<Output<typeof topics>>().toEqualTypeOf<ZeroShotClassification>();
});

test('functions around a handler get these types', () => {
  const handler = new HuggingFacePipelineModelHandler({ task: 'text-classification', model })
    .withPreprocessFn((row: { readonly body: string }) => row.body)
    .withPostprocessFn(({ label, score }) => `${label} ${score.toFixed(2)}`);
  expectTypeOf<Input<typeof handler>>().toEqualTypeOf<{ readonly body: string }>();
  expectTypeOf<Output<typeof handler>>().toEqualTypeOf<string>();
});
