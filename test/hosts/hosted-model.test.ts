import { serialize } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { type HostedModel, loadHostedModel } from '../../lib/hosts/hosted-model.ts';
import { decodeValues } from '../../lib/models/encoded-batch.ts';
import type { ModelDescription } from '../../lib/models/handler-capabilities.ts';
import { ModelHandler } from '../../lib/models/model-handler.ts';

/** Gives for a batch of numbers whatever its function gives. */
class Toy extends ModelHandler<number> {
  readonly #infer: (batch: readonly number[]) => unknown;
  constructor(infer: (batch: readonly number[]) => unknown = (batch) => batch) {
    super();
    this.#infer = infer;
  }
  loadModel(): void {}
  runInference(batch: readonly number[]): never {
    return this.#infer(batch) as never;
  }
}

async function hosted(handler: ModelHandler<never>): Promise<HostedModel> {
  return loadHostedModel(handler as never, {});
}

async function run(model: HostedModel, batch: readonly number[]) {
  const fragments = [{ size: batch.length, rows: batch.length }];
  const { results, ...ran } = await model.run({ kind: 'run', id: 0, fragments }, [serialize(batch)]);
  return { ...ran, values: results.flatMap((result) => decodeValues(result)) };
}

function described(description: unknown): ModelHandler<number> {
  class Described extends Toy {
    override async describeModel(): Promise<ModelDescription> {
      return description as ModelDescription;
    }
  }
  return new Described();
}

describe('a model that is hosted', () => {
  test('gives what an iterable of any kind gives', async () => {
    const model = await hosted(new Toy((batch) => Float32Array.from(batch, (n) => n / 2)));
    expect(await run(model, [1, 2, 3])).toMatchObject({ values: [0.5, 1, 1.5], areUndefined: false });
  });

  test('measures a generator until its last result', async () => {
    const model = await hosted(
      new Toy(async function* (batch) {
        for (const n of batch) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          yield n;
        }
      }),
    );
    const { values, micros } = await run(model, [1, 2]);
    expect(values).toEqual([1, 2]);
    expect(micros).toBeGreaterThan(5_000);
  });

  test('tells a batch whose results are all undefined', async () => {
    const model = await hosted(new Toy((batch) => batch.map((n) => (n > 2 ? n : undefined))));
    expect(await run(model, [1, 2])).toMatchObject({ areUndefined: true });
    expect(await run(model, [2, 3])).toMatchObject({ areUndefined: false });
  });

  test('blames the handler for what is no list, until it has given one: then an element may be the cause', async () => {
    const model = await hosted(new Toy((batch) => (batch.includes(13) ? undefined : batch)));
    const wrong = { name: 'ResultCountError', message: expect.stringContaining('got undefined') };
    await expect(run(model, [13])).rejects.toMatchObject({ ...wrong, code: 'RESULT_KIND' });
    await run(model, [12]);
    await expect(run(model, [12, 13])).rejects.toMatchObject({ ...wrong, code: 'RESULT_COUNT' });
  });
});

describe('the name of a model', () => {
  test("is its handler's class, unless that describes it", async () => {
    expect((await hosted(new Toy())).info).toMatchObject({ label: 'Toy' });
    expect((await hosted(new Toy())).info).not.toHaveProperty('digest');
    expect((await hosted(described({ label: 'v7' }))).info).toMatchObject({ label: 'v7', digest: 'v7' });
    const both = { label: 'v7', digest: 'a1b2' };
    expect((await hosted(described(both))).info).toMatchObject(both);
  });

  test.each([undefined, {}, { label: '' }, { label: 7 }, { label: 'x'.repeat(101) }, { label: 'v7', digest: 'ä' }])(
    'must be short and printable: %o',
    async (description) => {
      const message = expect.stringContaining('describeModel must give { label, digest? }');
      await expect(hosted(described(description))).rejects.toMatchObject({ name: 'ModelLoadError', message });
    },
  );
});
