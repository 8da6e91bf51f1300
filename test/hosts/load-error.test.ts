import { describe, expect, test } from 'vitest';
import { FabricError, ModelLoadError } from '../../lib/errors.ts';
import { carryLoadError, isTransient, loadError, TransientLoadError } from '../../lib/hosts/load-error.ts';

const withCode = (code: string) => Object.assign(new Error('no'), { code });
const fetchFailed = (code: string) => new TypeError('fetch failed', { cause: withCode(code) });
const named = (name: string) => Object.assign(new Error('no'), { name });

describe('an error of a load', () => {
  test.each<[error: unknown]>([
    [withCode('ECONNRESET')],
    [withCode('ETIMEDOUT')],
    [withCode('ENOTFOUND')],
    [withCode('EAI_AGAIN')],
    [fetchFailed('ECONNREFUSED')],
    [fetchFailed('UND_ERR_CONNECT_TIMEOUT')],
    [named('ThrottlingException')],
    [named('TimeoutError')],
    [Object.assign(new Error('no'), { status: 503 })],
    [Object.assign(new Error('no'), { $metadata: { httpStatusCode: 429 } })],
    [new FabricError('BUSY', 'no', { disposition: 'retry' })],
    [new FabricError('BUSY', 'no', { disposition: 'throttle' })],
    [new ModelLoadError('no', { cause: withCode('ECONNRESET') })],
  ])('may pass: %o', (error) => {
    expect(isTransient(error)).toBe(true);
  });

  test.each<[error: unknown]>([
    [new Error('no weights today')],
    ['just a string'],
    [undefined],
    [withCode('ENOENT')],
    [fetchFailed('CERT_HAS_EXPIRED')],
    [Object.assign(new Error('no'), { status: 404 })],
    [new FabricError('BAD', 'no')],
    [new ModelLoadError('no')],
    [new ModelLoadError('no', { cause: new Error('corrupt') })],
  ])('does not: %o', (error) => {
    expect(isTransient(error)).toBe(false);
  });

  test('says what fetch keeps in its cause', () => {
    expect(carryLoadError(fetchFailed('ECONNRESET')).message).toBe('fetch failed: no');
  });

  test('is a ModelLoadError that can be told from one that stays, or what it asks for itself', () => {
    const error = { name: 'Error', message: 'no' };
    expect(loadError({ error, isTransient: true })).toBeInstanceOf(TransientLoadError);
    expect(loadError({ error, isTransient: true }).name).toBe('ModelLoadError');
    expect(loadError({ error, isTransient: false })).not.toBeInstanceOf(TransientLoadError);
    const asks = { ...error, code: 'BUSY', disposition: 'retry' as const };
    expect(loadError({ error: asks, isTransient: true })).toMatchObject({ code: 'BUSY', disposition: 'retry' });
  });
});
