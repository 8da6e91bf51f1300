import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ILocalBundling } from 'aws-cdk-lib';
import { PIPELINE_FACTS_FILE } from '../../functions/environment.ts';
import type { PipelineFacts } from '../../lib/config/pipeline-facts.ts';
import { makeReadable } from './make-readable.ts';
import { buildModules } from './build-modules.ts';
import { ownModule } from '../own-modules.ts';

/** The functions that run none of the user's code, and what they know of the pipelines. */
export class ControlBundling implements ILocalBundling {
  // Public, because CDK takes two bundlings for the same where what it sees of them is.
  readonly facts: Readonly<Record<string, PipelineFacts>>;
  readonly modules: readonly string[];

  /** @param hasGovernor - whether any of the pipelines is governed. */
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
