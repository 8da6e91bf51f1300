import { MAX_KEY_BYTES } from '../stores/object-store.ts';

/** Meaning of an object key of an input bucket, `<pipeline>/<anything>`. */
export type ObjectKeyReading =
  | { readonly kind: 'ok'; readonly pipeline: string; readonly name: string }
  /** A folder as consoles make them: nothing to do and nothing to say. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'rejected'; readonly reason: string; readonly pipeline?: string };

/** Results have longer keys than their object: `…@<12 digits>/_errors/errors-00000000-of-00000000.jsonl`, and some to spare. */
const RESULT_KEY_BYTES = 80;
const MAX_INPUT_KEY_BYTES = MAX_KEY_BYTES - RESULT_KEY_BYTES;

const PIPELINE_NAME = /^[a-z0-9][a-z0-9-]*$/;
/** They cannot stand in the XML of S3's listings, and have no business in the names of files or in logs. */
// oxlint-disable-next-line no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f\ufffe\uffff]|\p{Surrogate}/u;

/**
 * Reads an object key. What is accepted stays below its pipeline's folder, in a bucket and in a tree of files alike.
 *
 * @param byteLength - the object's: a key that ends in '/' is a folder only where there is nothing in it.
 * @param pipelines - the names of those there are.
 */
export function readObjectKey(key: string, byteLength: number, pipelines: readonly string[]): ObjectKeyReading {
  if (byteLength === 0 && key.endsWith('/')) return { kind: 'ignored' };
  const slash = key.indexOf('/');
  const pipeline = slash === -1 ? key : key.slice(0, slash);
  const name = slash === -1 ? '' : key.slice(slash + 1);
  const reason = whyRejected(key, { pipeline, name }, pipelines);
  if (reason === undefined) return { kind: 'ok', pipeline, name };
  return { kind: 'rejected', reason, ...(pipelines.includes(pipeline) ? { pipeline } : {}) };
}

function whyRejected(
  key: string,
  { pipeline, name }: { readonly pipeline: string; readonly name: string },
  pipelines: readonly string[],
): string | undefined {
  const rules: readonly { readonly broken: boolean; readonly reason: string }[] = [
    {
      broken: !key.includes('/'),
      reason: `the object key names no pipeline: it must be <pipeline>/<anything>, where the pipelines are ${listed(pipelines)}`,
    },
    {
      broken: !PIPELINE_NAME.test(pipeline) || !pipelines.includes(pipeline),
      reason: `there is no pipeline called ${JSON.stringify(pipeline)}: the pipelines are ${listed(pipelines)}`,
    },
    { broken: name === '', reason: 'nothing follows the pipeline in the object key' },
    { broken: name.startsWith('_'), reason: "what follows the pipeline in the object key must not start with '_'" },
    {
      broken: name.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'),
      reason: "the object key has a segment that is empty, '.' or '..'",
    },
    { broken: CONTROL_CHARACTER.test(key), reason: 'the object key has a control character' },
    {
      broken: Buffer.byteLength(key) > MAX_INPUT_KEY_BYTES,
      reason: `the object key has ${Buffer.byteLength(key)} bytes; it may have ${MAX_INPUT_KEY_BYTES}, since the keys of its results are longer`,
    },
  ];
  return rules.find(({ broken }) => broken)?.reason;
}

function listed(pipelines: readonly string[]): string {
  return pipelines.length === 0 ? 'none' : pipelines.join(', ');
}
