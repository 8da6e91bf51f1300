import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { buildApp } from 'fauxqs';
import { compareKeys } from '../../lib/stores/compare-object-keys.ts';

/** The object store inside fauxqs. The package accepts one as an option but exports no way to create it. */
export type EmulatedObjects = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>['s3Store'];
/** The queue store inside fauxqs. */
export type EmulatedQueues = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>['sqsStore'];
/** The topic store inside fauxqs, which the fabric does not use. */
type EmulatedTopics = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>['snsStore'];

export interface EmulatedStores {
  readonly s3Store: EmulatedObjects;
  readonly sqsStore: EmulatedQueues;
  readonly snsStore: EmulatedTopics;
}

/** Characters that SQS refuses in a message. */
const UNSENDABLE = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;

/** Creates the emulator's stores, with listings in S3's order and messages of all characters that SQS accepts. */
export async function emulatedStores(): Promise<EmulatedStores> {
  const [{ INVALID_MESSAGE_BODY_CHAR }, { S3Store }, { SqsStore }, { SnsStore }] = await Promise.all([
    innerModule<{ INVALID_MESSAGE_BODY_CHAR: RegExp }>('sqs/sqsTypes.js'),
    innerModule<{ S3Store: new () => EmulatedObjects }>('s3/s3Store.js'),
    innerModule<{ SqsStore: new () => EmulatedQueues }>('sqs/sqsStore.js'),
    innerModule<{ SnsStore: new () => EmulatedTopics }>('sns/snsStore.js'),
  ]);
  // The pattern of fauxqs refuses characters above U+FFFF.
  INVALID_MESSAGE_BODY_CHAR.test = (body) => UNSENDABLE.test(body);
  return { s3Store: listInOrder(new S3Store()), sqsStore: new SqsStore(), snsStore: new SnsStore() };
}

/** Imports a module that the package does not export. Our package.json pins the package's version. */
async function innerModule<Module>(path: string): Promise<Module> {
  const manifest = findPackageJSON('fauxqs', import.meta.url);
  if (manifest === undefined) throw new Error('Cannot find the package fauxqs: install the dependencies');
  return (await import(pathToFileURL(join(dirname(manifest), 'dist', path)).href)) as Module;
}

/** Lists keys in S3's order. fauxqs sorts them by locale but continues pages by code units, so its pages lose keys. */
function listInOrder(store: EmulatedObjects): EmulatedObjects {
  const list = store.listObjects.bind(store);
  store.listObjects = (bucket, options = {}) => {
    const { prefix = '', maxKeys = 1000, startAfter, marker } = options;
    // The fabric does not list with delimiters, and pages of fauxqs have no position between folders.
    if (options.delimiter) return list(bucket, options);
    const after = startAfter ?? marker ?? '';
    const left = list(bucket, { prefix, maxKeys: Infinity }).objects.filter(({ key }) => compareKeys(key, after) > 0);
    const objects = left.sort((a, b) => compareKeys(a.key, b.key)).slice(0, maxKeys);
    return { objects, commonPrefixes: [], isTruncated: objects.length < left.length };
  };
  return store;
}
