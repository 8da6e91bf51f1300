import { defineFabric, map, type ObjectInput } from 'inference-fabric';

type Row = Readonly<Record<string, string>>;

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
    binary: {
      input: { format: 'binary', bundleElements: 100 },
      steps: [map(({ bytes }: ObjectInput) => bytes.length)],
      output: { join: 'input' },
    },
  },
});
