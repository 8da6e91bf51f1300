import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileObjectStore } from '../../lib/stores/file-object-store.ts';
import { prefixedStore } from '../../lib/stores/prefixed-store.ts';
import { startTestAws } from '../embedded-aws.ts';
import { describeObjectStore } from './object-store-contract.ts';

describeObjectStore('an S3 store', {
  async open() {
    const aws = await startTestAws();
    await aws.createBucket('bucket');
    return { store: aws.store, bucket: 'bucket', [Symbol.asyncDispose]: () => aws[Symbol.asyncDispose]() };
  },
});

describeObjectStore('a store of files', {
  async open() {
    const root = await mkdtemp(join(tmpdir(), 'fabric-objects-'));
    return {
      store: openFileObjectStore(root),
      bucket: 'bucket',
      [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
    };
  },
});

describeObjectStore('a store below a prefix', {
  async open() {
    const root = await mkdtemp(join(tmpdir(), 'fabric-objects-'));
    return {
      store: prefixedStore(openFileObjectStore(root), 'some/where/'),
      bucket: 'bucket',
      [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
    };
  },
});
