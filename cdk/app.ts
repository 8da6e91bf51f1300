import { App } from 'aws-cdk-lib';
import { FabricStack } from './fabric-stack.ts';

// The app that `cdk deploy` deploys. The context value `config` is the path of the config module from the working directory,
// `stack` the name of the stack. The stack has no account and no region, so synthesis needs no lookups.

const app = new App();

function contextValue(name: string, otherwise: string): string {
  const value: unknown = app.node.tryGetContext(name);
  return typeof value === 'string' && value !== '' ? value : otherwise;
}

new FabricStack(app, contextValue('stack', 'InferenceFabric'), {
  description: 'Batch inference on files dropped in S3',
  fabric: { configPath: contextValue('config', 'fabric.config.ts') },
});
