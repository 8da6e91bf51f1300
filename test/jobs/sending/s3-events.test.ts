import { describe, expect, test } from 'vitest';
import { compareSequencers, readS3Event } from '../../../lib/jobs/sending/s3-events.ts';
import { s3Event } from '../intake/s3-event.ts';

describe('readS3Event', () => {
  test('reads an event as S3 sends it', () => {
    const body = `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-central-1",
      "eventTime":"2026-11-20T10:11:12.345Z","eventName":"ObjectCreated:CompleteMultipartUpload",
      "userIdentity":{"principalId":"AWS:AIDA"},"requestParameters":{"sourceIPAddress":"192.0.2.1"},
      "responseElements":{"x-amz-request-id":"C3D1","x-amz-id-2":"FMyU"},
      "s3":{"s3SchemaVersion":"1.0","configurationId":"intake","bucket":{"name":"input","ownerIdentity":{"principalId":"A3"},
      "arn":"arn:aws:s3:::input"},"object":{"key":"digits/Happy+Face%2B1.jpg","size":1024,
      "eTag":"d41d8cd98f00b204e9800998ecf8427e-2","versionId":"096fKKXTRTtl3on89fVO.nfljtsv6qko","sequencer":"0055AED6DCD90281E5"}}}]}`;
    expect(readS3Event(body)).toEqual([
      {
        bucket: 'input',
        key: 'digits/Happy Face+1.jpg',
        versionId: '096fKKXTRTtl3on89fVO.nfljtsv6qko',
        etag: 'd41d8cd98f00b204e9800998ecf8427e-2',
        byteLength: 1024,
        sequencer: '0055AED6DCD90281E5',
        eventTimeMillis: Date.UTC(2026, 10, 20, 10, 11, 12, 345),
      },
    ]);
  });

  test.each([
    ['a+b', 'a b'],
    ['a%2Bb', 'a+b'],
    ['%E6%97%A5%E6%9C%AC/%C3%A9', '日本/é'],
    ['a%2Fb', 'a/b'],
    ['100%', '100%'],
    ['a+100%+b', 'a+100%+b'],
    ['%E6%97', '%E6%97'],
  ])('decodes the object key %s, and leaves one that is not encoded', (encoded, key) => {
    const body = s3Event([{ bucket: 'b', key: 'x', etag: 'e' }]).replace('"key":"x"', `"key":"${encoded}"`);
    expect(readS3Event(body)).toMatchObject([{ key }]);
  });

  test('reads every record of an event, and only those of objects that were written', () => {
    const objects = ['a', 'b', 'c'].map((key) => ({ bucket: 'in', key, etag: key }));
    const body = s3Event(objects).replace('ObjectCreated:Put', 'ObjectRemoved:Delete');
    expect(readS3Event(body).map(({ key }) => key)).toEqual(['b', 'c']);
    expect(readS3Event('{"Records":[{"eventName":"ObjectRestore:Post","glacierEventData":{}}]}')).toEqual([]);
    expect(readS3Event(s3Event(objects).replaceAll('"ObjectC', '"s3:ObjectC'))).toHaveLength(3);
  });

  test('finds nothing in the event by which S3 tests a queue', () => {
    const body =
      '{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-20T10:11:12.345Z","Bucket":"in","RequestId":"5","HostId":"8"}';
    expect(readS3Event(body)).toEqual([]);
  });

  test.each(['null', '', undefined])('knows no version where the bucket keeps none: %j', (versionId) => {
    const body = s3Event([{ bucket: 'in', key: 'a', etag: 'e' }]);
    const event = body.replace('"eTag":"e"', `"eTag":"\\"e\\"","versionId":${JSON.stringify(versionId ?? null)}`);
    const [read] = readS3Event(event);
    expect(read).not.toHaveProperty('versionId');
    expect(read?.etag).toBe('e');
  });

  test.each([
    '',
    'x',
    '[]',
    '{}',
    '"a"',
    '{"Records":[{}]}',
    '{"Records":[{"eventName":"ObjectCreated:Put","s3":{}}]}',
  ])('refuses what is no event: %s', (body) => {
    expect(() => readS3Event(body)).toThrow(expect.objectContaining({ name: 'InvalidMessageError' }) as Error);
  });
});

describe('compareSequencers', () => {
  test('orders them as hexadecimal numbers filled up at their ends', () => {
    expect(compareSequencers('0055AED6DCD90281E5', '0055AED6DCD90281E6')).toBe(-1);
    expect(compareSequencers('0055AED7', '0055AED6DCD90281E5')).toBe(1);
    expect(compareSequencers('0055aed6', '0055AED600')).toBe(0);
  });
});
