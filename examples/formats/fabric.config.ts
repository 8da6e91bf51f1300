import { decodeImage, defineFabric, map, type ObjectInput } from 'inference-fabric';

type Row = Readonly<Record<string, string>>;

interface Planet {
  readonly moons: number | null;
  /** A date: `1846-09-23`. */
  readonly discovered: string | null;
}

/** Pipelines without a model: what the elements of each format are. */
export default defineFabric({
  pipelines: {
    text: {
      input: { format: 'text', maxElementBytes: 1024 },
      steps: [map((line: string) => line.length)],
    },
    json: {
      input: { format: 'json', id: 'name' },
      steps: [map((planet: { readonly moons: number }) => planet.moons)],
    },
    csv: {
      input: { format: 'csv', id: 'city', delimiter: ';', quotedNewlines: false },
      steps: [map((row: Row) => Number(row['population']))],
    },
    tsv: {
      input: { format: 'tsv', id: 'city' },
      steps: [map((row: Row) => Number(row['population']))],
    },
    parquet: {
      input: { format: 'parquet', id: 'name', columns: ['moons', 'discovered'] },
      steps: [map(({ moons, discovered }: Planet) => ({ moons, discovered }))],
      output: { format: 'parquet', schema: { moons: 'int32', discovered: 'date' }, compression: 'zstd' },
    },
    binary: {
      input: { format: 'binary', bundleElements: 100 },
      steps: [map(({ bytes }: ObjectInput) => bytes.length)],
      output: { join: 'input' },
    },
    images: {
      input: { format: 'images' },
      steps: [
        map(
          decodeImage({
            channels: 3,
            layout: 'CHW',
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
            resize: { shortest: 256, crop: 224, filter: 'bilinear' },
          }),
        ),
        map((tensor: Float32Array) => tensor.length),
      ],
    },
  },
});
