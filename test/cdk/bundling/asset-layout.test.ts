import { dirname, relative, resolve } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configLayout } from '../../../cdk/bundling/asset-layout.ts';

const segment = fc.stringMatching(/^[a-z]{1,3}$/);
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => `/${segments.join('/')}.onnx`);

describe('configLayout', () => {
  test('puts the config and its models at their places under one folder', () => {
    const { config, files } = configLayout('/app/fabric.config.ts', ['/app/models/a.onnx', '/app/models/a.onnx.data']);
    expect(config).toBe('config/fabric.config');
    expect([...files.values()]).toEqual(['config/models/a.onnx', 'config/models/a.onnx.data']);
  });

  test('starts at the folder that all of them share', () => {
    const { config, files } = configLayout('/app/fabrics/one/fabric.config.mts', ['/app/models/a.onnx']);
    expect(config).toBe('config/fabrics/one/fabric.config');
    expect([...files.values()]).toEqual(['config/models/a.onnx']);
  });

  test('keeps where each file is from the config', () => {
    fc.assert(
      fc.property(path, fc.array(path), (configPath, files) => {
        const layout = configLayout(`${configPath}.ts`, files);
        for (const [from, to] of layout.files) {
          const there = resolve('/asset', dirname(layout.config), relative(dirname(configPath), from));
          expect(there).toBe(`/asset/${to}`);
        }
      }),
    );
  });
});
