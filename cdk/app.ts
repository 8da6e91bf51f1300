import { App } from 'aws-cdk-lib';
import { FabricStack } from './fabric-stack.ts';

// What `cdk deploy` deploys: the fabric of the context value `config`, a path from here, in a stack of the context value
// `stack`. It knows no account and no region, and looks nothing up.

const app = new App();

function contextValue(name: string, otherwise: string): string {
  const value: unknown = app.node.tryGetContext(name);
  return typeof value === 'string' && value !== '' ? value : otherwise;
}

new FabricStack(app, contextValue('stack', 'InferenceFabric'), {
  description: 'Batch inference on files dropped in S3',
  fabric: { configPath: contextValue('config', 'fabric.config.ts') },
});
