import { defineFabric, ModelHandler, runInference } from 'inference-fabric';

/** What a handler of a user's own says of an element: where it and its model were. */
export interface Whereabouts {
  readonly length: number;
  readonly process: number;
  readonly parent: number;
  readonly loadedIn: number;
  readonly greeting: string | undefined;
  /** The process that reads, postprocesses and writes. */
  readonly worker: number;
}

interface Loaded {
  readonly loadedIn: number;
}

class WhereaboutsModelHandler extends ModelHandler<string, Omit<Whereabouts, 'worker'>, Loaded> {
  override async loadModel(): Promise<Loaded> {
    return { loadedIn: process.pid };
  }

  override runInference(batch: readonly string[], { loadedIn }: Loaded): readonly Omit<Whereabouts, 'worker'>[] {
    return batch.map((text) => {
      if (text === 'exit') process.exit(1);
      const greeting = process.env['GREETING'];
      return { length: text.length, process: process.pid, parent: process.ppid, loadedIn, greeting };
    });
  }
}

const handler = new WhereaboutsModelHandler({ envVars: { GREETING: 'hello' } }).withPostprocessFn((whereabouts) => ({
  ...whereabouts,
  worker: process.pid,
}));

export default defineFabric({
  pipelines: { whereabouts: { input: { format: 'text' }, steps: [runInference(handler)] } },
});
