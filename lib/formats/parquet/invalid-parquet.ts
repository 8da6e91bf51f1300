import { FabricError } from '../../errors.ts';

/** Returns the error of a Parquet file that can't be read as a whole. */
export function invalidParquet(problem: string, cause?: unknown): FabricError {
  return new FabricError('INVALID_PARQUET', `Cannot read the Parquet file: ${problem}`, { cause });
}
