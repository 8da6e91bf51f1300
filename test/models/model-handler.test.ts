import { describe, expect, test } from 'vitest';
import { ModelHandler, unwrapHandler } from '../../lib/models/model-handler.ts';

class Shout extends ModelHandler<string, string, string> {
  override loadModel(): string {
    return '!';
  }
  override runInference(batch: readonly string[], model: string): readonly string[] {
    return batch.map((text) => text.toUpperCase() + model);
  }
}

const element = { id: 'a', input: undefined };

describe('unwrapHandler', () => {
  test('gives the functions in the order in which they run: preprocess last added first, postprocess first added first', () => {
    const shout = new Shout();
    const wrapped = shout
      .withPreprocessFn((text: string) => `${text} inner`)
      .withPostprocessFn((text) => `${text} first`)
      .withPreprocessFn((length: number) => 'x'.repeat(length))
      .withPostprocessFn((text) => `${text} second`);
    const { handler, preprocessFns, postprocessFns } = unwrapHandler(wrapped as ModelHandler);
    expect(handler).toBe(shout);
    expect(preprocessFns.reduce((value, fn) => fn(value, element), 3 as unknown)).toBe('xxx inner');
    expect(postprocessFns.reduce((value, fn) => fn(value, element), 'A' as unknown)).toBe('A first second');
  });

  test('gives a handler without functions as it is', () => {
    const shout = new Shout();
    expect(unwrapHandler(shout as ModelHandler)).toEqual({ handler: shout, preprocessFns: [], postprocessFns: [] });
  });
});

describe('ModelHandler', () => {
  test('is left as it was by withPreprocessFn and withPostprocessFn', () => {
    const shout = new Shout({ maxBatchSize: 2 });
    const one = shout.withPostprocessFn((text) => text.length);
    const other = shout.withPostprocessFn((text) => text.trim());
    expect(unwrapHandler(one as ModelHandler).postprocessFns).toHaveLength(1);
    expect(unwrapHandler(other as ModelHandler).postprocessFns).toHaveLength(1);
    expect(unwrapHandler(one as ModelHandler).handler.batching.maxBatchSize).toBe(2);
  });

  test('passes the config on to the handler inside its functions', () => {
    const bases: URL[] = [];
    class Located extends Shout {
      override resolvePaths(base: URL): void {
        bases.push(base);
      }
    }
    const base = new URL('file:///configs/fabric.config.ts');
    new Located()
      .withPreprocessFn((text: string) => text)
      .withPostprocessFn((text) => text)
      .resolvePaths(base);
    expect(bases).toEqual([base]);
  });

  test('refuses to run by itself once it has functions around it, rather than leave them out', () => {
    const wrapped = new Shout().withPostprocessFn((text) => text.length);
    expect(() => wrapped.runInference([], undefined)).toThrow('runs in an engine only');
  });

  test('has a copy of its model by default, and as many as modelCopies says', () => {
    expect(new Shout().modelCopies).toBe(1);
    expect(new Shout({ modelCopies: 3 }).modelCopies).toBe(3);
    expect(new Shout({ largeModel: true }).modelCopies).toBe(1);
  });
});
