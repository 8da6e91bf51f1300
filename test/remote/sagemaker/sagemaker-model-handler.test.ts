import { describe, expect, test } from 'vitest';
import { describeEndpoint } from '../endpoint-contract.ts';
import { PAYLOAD } from '../endpoint-under-test.ts';
import { AWS_SERVICE } from '../aws-contract.ts';
import { ask, doubled, doublesEndpoint, handlerOf, type Options, variablesFor } from './doubles-endpoint.ts';

describeEndpoint('a SageMakerModelHandler', {
  ...AWS_SERVICE,
  rightly: doubled,
  environment: variablesFor,
  handler: (_, options) => handlerOf(options),
  batch: [Number(PAYLOAD), 2],
  predictions: [2 * Number(PAYLOAD), 4],
  misfit: new Float32Array([1, -Infinity]),
  strange: [
    [{ body: { scores: [1, 2] } }, "neither an array nor an object with 'predictions'", 'poison'],
    [{ body: { predictions: [1] } }, '1 prediction for 2 elements', 'poison'],
    [{ body: `<html>${PAYLOAD}</html>` }, 'a body that is not JSON', 'poison'],
    [{ body: '' }, 'nothing', 'poison'],
  ],
});

describe('a SageMakerModelHandler', () => {
  const service = doublesEndpoint();

  test('asks for a batch with one signed request', async () => {
    expect(await ask([1, 2, 3])).toEqual([2, 4, 6]);
    const request = service.requests.at(-1);
    expect(request?.path).toBe('/endpoints/doubles/invocations');
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.headers.accept).toBe('application/json');
    expect(request?.headers.authorization).toContain('/eu-central-1/sagemaker/');
    expect(request?.json).toEqual({ instances: [1, 2, 3] });
  });

  test('sends what AWS calls the parts of an endpoint', async () => {
    await ask([1], {
      region: 'us-east-2',
      inferenceComponentName: 'small',
      targetVariant: 'blue',
      targetModel: 'v7.tar.gz',
      customAttributes: 'trace=1',
    });
    expect(service.requests.at(-1)?.headers).toMatchObject({
      'x-amzn-sagemaker-inference-component': 'small',
      'x-amzn-sagemaker-target-variant': 'blue',
      'x-amzn-sagemaker-target-model': 'v7.tar.gz',
      'x-amzn-sagemaker-custom-attributes': 'trace=1',
    });
    expect(service.requests.at(-1)?.headers.authorization).toContain('/us-east-2/sagemaker/');
  });

  test('may invoke its endpoint, and no other', () => {
    expect(handlerOf({ endpointName: 'Doubles', region: 'cn-north-1' }).permissions).toEqual([
      {
        actions: ['sagemaker:InvokeEndpoint'],
        resources: [
          'arn:aws-cn:sagemaker:cn-north-1:*:endpoint/Doubles',
          'arn:aws-cn:sagemaker:cn-north-1:*:endpoint/doubles',
        ],
      },
    ]);
    expect(handlerOf({ inferenceComponentName: 'small' }).permissions[0]?.resources).toEqual([
      'arn:aws:sagemaker:*:*:endpoint/doubles',
      'arn:aws:sagemaker:*:*:inference-component/small',
    ]);
  });

  test('is shown as its endpoint', async () => {
    expect(await handlerOf({ targetVariant: 'blue' }).describe()).toEqual({ label: 'doubles/blue', isUnasked: true });
  });

  test.for<readonly [Options, RegExp]>([
    [{ endpointName: '' }, /'endpointName' must be the name of an endpoint/],
    [{ endpointName: 'arn:aws:sagemaker:eu-central-1:1:endpoint/x' }, /'endpointName' must be/],
    [{ contentType: 'image/png' }, /'contentType' must be one of .* without 'serialize'/],
    [{ accept: 'image/png' }, /'accept' must be one of .* without 'deserialize'/],
    [{ contentType: 'image/png', serialize: () => '' }, /'accept' must be one of/],
    [{ jsonBody: 'rows' as 'array' }, /'jsonBody' must be 'instances', 'inputs' or 'array'/],
  ])('refuses the options %o', ([options, message]) => {
    expect(() => handlerOf(options)).toThrow(message);
  });
});
