import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fetchPackages } from '../../../cdk/bundling/fetch-packages.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

describe('fetchPackages', () => {
  test('takes what is in its cache, whatever npm could do', async () => {
    const cache = await temporaryFolder();
    await mkdir(join(cache, '@img_sharp-linux-arm64@0.0.0'));
    const folder = fetchPackages({ '@img/sharp-linux-arm64': '0.0.0' }, { cpu: 'arm64', cache });
    expect(folder).toBe(join(cache, '@img_sharp-linux-arm64@0.0.0'));
  });

  test('says what could not be installed, for which platform, and leaves nothing in its cache', async () => {
    const cache = await temporaryFolder();
    const versions = { 'not-there': `file:${join(cache, 'nowhere')}` };
    expect(() => fetchPackages(versions, { cpu: 'arm64', cache })).toThrow(
      /^npm could not install not-there for linux-arm64: /,
    );
    expect(await readdir(cache)).toEqual([]);
  });
});
