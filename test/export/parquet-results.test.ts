import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { runFabric, temporaryFolder } from '../examples/run-fabric.ts';

const READ = `
import json, sys
import pyarrow.dataset as ds
table = ds.dataset(sys.argv[1], format="parquet").to_table()
print(json.dumps({"types": [str(field.type) for field in table.schema], "rows": table.to_pylist()}, default=str))
`;

test('a folder of results in Parquet is one table for pyarrow', async () => {
  await using output = await temporaryFolder();
  const config = ['--config', 'examples/formats/fabric.config.ts', '--output', output.path];
  const { status, stderr } = await runFabric(['run', 'parquet', 'examples/data/formats/planets.parquet', ...config]);
  expect(status, stderr).toBe(0);
  const { stdout } = await promisify(execFile)(inject('parquetPython'), ['-c', READ, `${output.path}/parquet`]);
  expect(JSON.parse(stdout)).toEqual({
    types: ['string', 'string', 'struct<moons: int32, discovered: date32[day]>', 'string'],
    rows: [
      { id: 'Earth', key: null, prediction: { moons: 1, discovered: null }, model: '[]' },
      { id: 'Mars', key: null, prediction: { moons: 2, discovered: null }, model: '[]' },
      { id: 'Neptune', key: null, prediction: { moons: 16, discovered: '1846-09-23' }, model: '[]' },
      { id: 'Venus', key: null, prediction: { moons: null, discovered: null }, model: '[]' },
    ],
  });
});
