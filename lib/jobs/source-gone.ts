import { FabricError } from '../errors.ts';

/** Runs work on a source. If the source is gone by then, runs other work instead. */
export async function ifSourceGone(run: () => Promise<unknown>, instead: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof FabricError) || error.code !== 'SOURCE_GONE') throw error;
    await instead();
  }
}
