import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ILocalBundling } from 'aws-cdk-lib';
import { PIPELINE_FACTS_FILE } from '../../functions/environment.ts';
import type { PipelineFacts } from '../../lib/config/pipeline-facts.ts';
import { makeReadable } from './make-readable.ts';
import { buildModules } from './build-modules.ts';
import { ownModule } from '../own-modules.ts';

/** Bundles the functions that run no user code, and the facts of the pipelines. */
export class ControlBundling implements ILocalBundling {
  // Public, because CDK compares bundlings by their public properties.
  readonly facts: Readonly<Record<string, PipelineFacts>>;
  /** Names of the modules. */
  readonly modules: readonly string[];

  /** @param hasGovernor - true if a pipeline has a governor */
  constructor(facts: Readonly<Record<string, PipelineFacts>>, hasGovernor: boolean) {
    this.facts = facts;
    this.modules = ['intake', 'finalizer', ...(hasGovernor ? ['governor'] : [])];
  }

  tryBundle(outputDir: string): boolean {
    const entries = this.modules.map((name) => ({ name, path: ownModule(`functions/${name}/index`) }));
    buildModules(entries, outputDir, dirname(ownModule('lib')));
    writeFileSync(join(outputDir, PIPELINE_FACTS_FILE), JSON.stringify(this.facts));
    makeReadable(outputDir);
    return true;
  }
}
