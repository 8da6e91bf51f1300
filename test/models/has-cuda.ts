import { countGpus } from '../../lib/hosts/gpus.ts';
import { askLoader } from '../../lib/models/provider-library.ts';

/** Whether models can run on CUDA on this machine: then tests of its absence have nothing to say. */
export function hasCuda(): boolean {
  return countGpus(process.env) > 0 && askLoader('cuda') === undefined;
}
