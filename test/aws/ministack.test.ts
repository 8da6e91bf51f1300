import { afterAll, beforeAll, describe, inject } from 'vitest';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { DeployedFabric } from './deployed-fabric.ts';
import { deployStack } from './deploy-stack.ts';
import { describeDroppedFiles } from './dropped-files.ts';
import { useEmulator } from './emulated-aws.ts';
import { startMinistack } from './emulators/ministack.ts';

describe('the stack, deployed by `cdk deploy` to ministack', () => {
  const resources = new AsyncDisposableStack();
  let fabric: DeployedFabric;

  beforeAll(async () => {
    const aws = resources.use(await useEmulator(startMinistack(inject('python'))));
    const { outputs } = await deployStack(aws);
    const store = resources.use(openS3ObjectStore());
    const output = (name: string): string => {
      const value = outputs[name];
      if (value === undefined) throw new Error(`the stack has no output '${name}': ${Object.keys(outputs).join(', ')}`);
      return value;
    };
    const place = {
      inputBucket: output('InputBucket'),
      outputBucket: output('OutputBucket'),
      intake: output('IntakeQueueUrl'),
      bundles: {
        'breast-cancer': output('BreastCancerQueueUrl'),
        digits: output('DigitsQueueUrl'),
        wine: output('WineQueueUrl'),
      },
      deadLetters: {
        'breast-cancer': output('BreastCancerDeadLettersUrl'),
        digits: output('DigitsDeadLettersUrl'),
        wine: output('WineDeadLettersUrl'),
      },
    };
    fabric = resources.use(await DeployedFabric.watch(aws, place, store));
  });
  afterAll(() => resources.disposeAsync());

  describeDroppedFiles('dropped files', () => fabric);
});
