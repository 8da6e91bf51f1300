import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeImage } from '../../../lib/models/decode-image.ts';
import { HuggingFacePipelineModelHandler } from '../../../lib/models/hugging-face/hugging-face-pipeline-model-handler.ts';
import { readImageOptions } from '../../../lib/models/hugging-face/image-processing.ts';
import { readSettings } from '../../../lib/models/hugging-face/model-settings.ts';
import { ROOT } from '../../examples/run-fabric.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { casesOf, expectClose, infer, modelFolder } from './cases.ts';

const TASK = { task: 'image-classification', model: modelFolder('vit') } as const;

/** Pixels of an image by an image processor of Python; `make.py` writes them. */
interface PixelCase {
  readonly image: string;
  readonly preprocessor: Readonly<Record<string, unknown>>;
  readonly pixels: readonly number[];
}

async function imageOf(path: unknown) {
  return { bytes: await readFile(join(ROOT, String(path))), contentType: 'image/png', uri: String(path) };
}

/** A copy of the model with another preprocessor_config.json. */
async function modelWith(preprocessor: object): Promise<string> {
  const folder = await temporaryFolder();
  await cp(modelFolder('vit'), folder, { recursive: true });
  await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  return folder;
}

describe('the pixels of an image', () => {
  test("are those of Python's image processors: stretched, cropped, with each filter", async () => {
    // make.py writes nothing else there.
    const cases = JSON.parse(
      await readFile(new URL('./vit-pixels.json', import.meta.url), 'utf8'),
    ) as readonly PixelCase[];
    expect(cases).toHaveLength(8);
    for (const { image, preprocessor, pixels } of cases) {
      const options = await readImageOptions(await readSettings(await modelWith(preprocessor)));
      const input = await imageOf(image);
      const own = await decodeImage(options)(input, { id: '', input });
      expect(own).toHaveLength(pixels.length);
      const differences = pixels.map((value, index) => Math.abs(value - (own[index] ?? NaN)));
      expect(Math.max(...differences), `${image} ${JSON.stringify(preprocessor)}`).toBeLessThan(1e-3);
    }
  });

  test.for([
    [{ size: { shortest_edge: 24 } }, "has a 'shortest_edge' without 'do_center_crop', which is not supported"],
    [{ size: { longest_edge: 24 } }, "has no 'size' of a shortest edge, or of height and width"],
    [{ size: 24, resample: 0 }, "has the filter 0 in 'resample'"],
    [{ size: 24, do_pad: true }, "has 'do_pad'"],
    [
      { size: { height: 30, width: 30 }, do_center_crop: true, crop_size: 24 },
      "has 'do_center_crop' after a 'size' of height and width",
    ],
  ] as const)('with a step that is not supported are refused: %j', async ([preprocessor, message]) => {
    const model = await modelWith(preprocessor);
    await expect(infer({ ...TASK, model }, [await imageOf('test/models/images/coffee.png')])).rejects.toThrow(message);
  });
});

describe('image-classification', () => {
  test("gives Python's labels and scores", async () => {
    const groups = Map.groupBy(casesOf('vit'), ({ options }) => JSON.stringify(options));
    for (const [options, cases] of groups) {
      const images = await Promise.all(cases.map(({ input }) => imageOf(input)));
      const outputs = await infer({ ...TASK, ...(JSON.parse(options) as object) }, images);
      cases.forEach(({ output }, index) => expectClose(outputs[index], output, 1e-4));
    }
  });

  test('refuses a text, a folder without an image processor, and options of texts', async () => {
    await expect(infer(TASK, ['a text'])).rejects.toThrow(
      "an element must be an image, as the format 'images' reads it: got a string",
    );
    const model = await modelWith({});
    await rm(join(model, 'preprocessor_config.json'));
    await expect(infer({ ...TASK, model }, [await imageOf('test/models/images/coffee.png')])).rejects.toThrow(
      'has no preprocessor_config.json',
    );
    expect(() => new HuggingFacePipelineModelHandler({ ...TASK, maxTokens: 5 } as never)).toThrow(
      "'maxTokens' is not an option of the task 'image-classification'",
    );
  });

  test('refuses a model of texts, and a task on texts a model of images', async () => {
    const image = await imageOf('test/models/images/coffee.png');
    await expect(infer({ ...TASK, model: modelFolder('bert-pairs') }, [image])).rejects.toThrow(
      'must have one input of four dimensions, the pixels of images, for a task on images',
    );
    const folder = await modelWith({});
    await cp(join(modelFolder('bert-pairs'), 'tokenizer.json'), join(folder, 'tokenizer.json'));
    await expect(infer({ task: 'text-classification', model: folder }, ['a'])).rejects.toThrow(
      "must have the input 'input_ids'",
    );
  });
});
