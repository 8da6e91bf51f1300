import { setImmediate } from 'node:timers/promises';
import { imageSize } from 'image-size';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { ElementReadError, FabricError } from '../../lib/errors.ts';
import { type ObjectToRead, type OpenObject, readObjects } from '../../lib/formats/objects.ts';
import type { ByteSource } from '../../lib/stores/byte-source.ts';
import { collect, inputOptions } from './reading.ts';
import { memorySource, recordingSource } from './sources.ts';

function image(format: 'png' | 'jpeg' | 'webp', width = 4, height = 3): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: '#336699' } })
    .toFormat(format)
    .toBuffer();
}

function objects(...uris: string[]): ObjectToRead[] {
  return uris.map((uri, position) => ({ uri, position }));
}

function opener(contents: Readonly<Record<string, string | Uint8Array>>): OpenObject<ObjectToRead> {
  return async ({ uri }) => {
    const content = contents[uri];
    if (content === undefined) throw new ElementReadError('SourceGone', `Cannot read ${uri}: it is gone`);
    return memorySource(content);
  };
}

async function throttled(): Promise<ByteSource> {
  throw new FabricError('THROTTLED', 'slow down', { disposition: 'throttle' });
}

async function cutShort(): Promise<ByteSource> {
  return { ...memorySource('abc'), byteLength: 10 };
}

describe('readObjects', () => {
  const contents: Record<string, Uint8Array> = {};
  const images = inputOptions('images');
  const binary = inputOptions('binary');

  beforeAll(async () => {
    for (const format of ['png', 'jpeg', 'webp'] as const) contents[`a.${format}`] = await image(format);
    contents['wide.png'] = await image('png', 300, 200);
    contents['broken.png'] = Buffer.from('not an image');
    contents['cut.png'] = Buffer.from((await image('png')).subarray(0, 10));
    contents['empty.png'] = Buffer.alloc(0);
  });

  test('gives images with their bytes, content type and URI, by position', async () => {
    const read = readObjects({ objects: objects('a.png', 'a.jpeg', 'a.webp'), open: opener(contents), input: images });
    expect(await collect(read)).toEqual([
      { position: 0, input: { bytes: contents['a.png'], contentType: 'image/png', uri: 'a.png' }, raw: undefined },
      { position: 1, input: { bytes: contents['a.jpeg'], contentType: 'image/jpeg', uri: 'a.jpeg' }, raw: undefined },
      { position: 2, input: { bytes: contents['a.webp'], contentType: 'image/webp', uri: 'a.webp' }, raw: undefined },
    ]);
  });

  test('fails a bad object by itself, by what is wrong with it', async () => {
    const uris = ['broken.png', 'a.png', 'cut.png', 'empty.png', 'wide.png', 'gone.png', 'a.jpeg'];
    const elements = await collect(
      readObjects({ objects: objects(...uris), open: opener(contents), input: { ...images, maxPixels: 1000 } }),
    );
    expect(elements.map(({ failure }) => failure?.name)).toEqual([
      'ImageDecodeError',
      undefined,
      'ImageDecodeError',
      'ImageDecodeError',
      'ImageTooLarge',
      'SourceGone',
      undefined,
    ]);
  });

  test('takes an image whose header only its decoder can read, within maxPixels', async () => {
    const jpeg = await image('jpeg', 40, 30);
    // Fill bytes before a marker (ITU T.81, B.1.1.2).
    const filled = Buffer.concat([jpeg.subarray(0, 2), Buffer.alloc(3, 0xff), jpeg.subarray(2)]);
    expect(() => imageSize(filled)).toThrow();
    const read = (maxPixels: number) =>
      collect(
        readObjects({
          objects: objects('a.jpeg'),
          open: opener({ 'a.jpeg': filled }),
          input: { ...images, maxPixels },
        }),
      );
    expect(await read(1200)).toMatchObject([{ input: { bytes: filled, contentType: 'image/jpeg' } }]);
    expect(await read(1199)).toMatchObject([
      { failure: { name: 'ImageTooLarge', message: 'The image has 40 × 30 pixels, more than maxPixels, 1199' } },
    ]);
  });

  test('fails an SVG, also where its size can be read', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"/>');
    expect(imageSize(svg)).toMatchObject({ type: 'svg', width: 2, height: 2 });
    const [element] = await collect(
      readObjects({ objects: objects('a.svg'), open: opener({ 'a.svg': svg }), input: images }),
    );
    expect(element?.failure).toEqual({
      name: 'ImageDecodeError',
      message: 'The image cannot be decoded: an SVG is a document, not pixels: render it first',
    });
    const read = readObjects({ objects: objects('a.svg'), open: opener({ 'a.svg': svg }), input: binary });
    expect(await collect(read)).toMatchObject([{ input: { bytes: svg } }]);
  });

  test('fails an object that is larger than maxElementBytes without reading it', async () => {
    const source = recordingSource(memorySource('x'.repeat(101)));
    const [element] = await collect(
      readObjects({ objects: objects('large'), open: async () => source, input: { ...binary, maxElementBytes: 100 } }),
    );
    expect(element?.failure?.name).toBe('ElementTooLarge');
    expect(source.asked).toEqual([]);
  });

  test('takes binary objects as they are, empty ones too', async () => {
    const elements = await collect(
      readObjects({ objects: objects('a', 'b'), open: opener({ a: 'bytes', b: '' }), input: binary }),
    );
    expect(elements.map(({ input }) => input)).toEqual([
      { bytes: Buffer.from('bytes'), contentType: 'application/octet-stream', uri: 'a' },
      { bytes: Buffer.alloc(0), contentType: 'application/octet-stream', uri: 'b' },
    ]);
  });

  test.each([
    ['small', 0, 16],
    ['large', 2 * 1024 * 1024, 8],
  ])('keeps the order whatever %s object comes first, and reads a few at a time', async (_, bytes, atMost) => {
    let atOnce = 0;
    let most = 0;
    const open = async ({ uri }: ObjectToRead) => {
      most = Math.max(most, ++atOnce);
      for (let turn = 0; turn < (Number(uri) * 7) % 5; turn += 1) await setImmediate();
      return {
        ...memorySource(bytes === 0 ? uri : new Uint8Array(bytes)),
        [Symbol.asyncDispose]: async () => void atOnce--,
      };
    };
    const uris = Array.from({ length: 100 }, (_, n) => String(n));
    const elements = await collect(readObjects({ objects: objects(...uris), open, input: binary }));
    expect(elements.map(({ position }) => position)).toEqual(uris.map(Number));
    expect(elements.map(({ input }) => (input as { uri: string }).uri)).toEqual(uris);
    expect(most).toBe(atMost);
    expect(atOnce).toBe(0);
  });

  test('reads the next page while one is worked on, and no further', async () => {
    const opened: number[] = [];
    const reads = Promise.withResolvers<void>();
    const open = async ({ uri }: ObjectToRead) => {
      opened.push(Number(uri));
      if (opened.length === 128) reads.resolve();
      return memorySource(uri);
    };
    const uris = Array.from({ length: 300 }, (_, n) => String(n));
    const pages = readObjects({ objects: objects(...uris), open, input: binary })[Symbol.asyncIterator]();
    expect((await pages.next()).value).toHaveLength(64);
    // Nobody has asked for the second page.
    await reads.promise;
    await setImmediate();
    expect(opened).toHaveLength(128);
    expect((await pages.next()).value).toHaveLength(64);
    await pages.return(undefined);
  });

  test('reads no more bytes ahead than a page may have', async () => {
    let opened = 0;
    const fourth = Promise.withResolvers<void>();
    const open = async () => {
      opened += 1;
      if (opened === 4) fourth.resolve();
      return memorySource(new Uint8Array(8 * 1024 * 1024));
    };
    const uris = Array.from({ length: 100 }, (_, n) => String(n));
    const pages = readObjects({ objects: objects(...uris), open, input: binary })[Symbol.asyncIterator]();
    expect((await pages.next()).value).toHaveLength(1);
    await fourth.promise;
    await setImmediate();
    // Those that were begun before it was known how large they are.
    expect(opened).toBeLessThanOrEqual(9);
    await pages.return(undefined);
  });

  test('bounds its pages by bytes', async () => {
    const pages: number[] = [];
    const large = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`${n}`, Buffer.alloc(3 * 1024 * 1024)]));
    const uris = objects(...Object.keys(large));
    for await (const page of readObjects({ objects: uris, open: opener(large), input: binary }))
      pages.push(page.length);
    expect(pages).toEqual([3, 3, 3, 1]);
  });

  test('throws what is not the fault of an object, and never gives a part of one', async () => {
    await expect(collect(readObjects({ objects: objects('a', 'b'), open: throttled, input: binary }))).rejects.toThrow(
      'slow down',
    );
    await expect(collect(readObjects({ objects: objects('a'), open: cutShort, input: binary }))).rejects.toThrow(
      'only 3 of its 10 bytes',
    );
  });

  test('ends when it is aborted', async () => {
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(
      collect(readObjects({ objects: objects('a'), open: opener({ a: 'x' }), input: binary, signal })),
    ).rejects.toThrow('stop');
  });
});
