import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../lib/jobs/manifest.ts';
import { getText } from '../../lib/stores/object-store.ts';
import { runFabric, temporaryFolder } from '../examples/run-fabric.ts';
import { s3Event } from '../jobs/intake/s3-event.ts';
import { parkAfter } from './emulated-aws.ts';
import type { DeployedFabric, DroppedObject } from './deployed-fabric.ts';
import { type JobLines, linesInBucket, linesInFolder } from './job-lines.ts';

interface DeadLetter {
  readonly id: string;
  readonly job: string;
}

const CSV = 'breast-cancer-with-errors.csv';
const IMAGES = ['digit-0001.png', 'digit-0002.png', 'digit-0003.png', 'digit-0004.png', 'digit-0005.png'];

/**
 * What a user sees of a fabric in S3 and SQS, whoever emulates them.
 *
 * @param open - gives a fabric of the repository's own config.
 */
export function describeDroppedFiles(name: string, open: () => DeployedFabric): void {
  describe(name, { concurrent: true }, () => {
    let fabric: DeployedFabric;
    beforeAll(() => {
      fabric = open();
    });
    const linesOf = (folder: string): Promise<JobLines> =>
      linesInBucket(fabric.store, fabric.place.outputBucket, folder);
    const manifestOf = async (folder: string): Promise<Manifest> => {
      const address = { bucket: fabric.place.outputBucket, key: `${folder}/_manifest.json` };
      return JSON.parse((await getText(fabric.store, address))?.text ?? '') as Manifest;
    };

    test('answers a CSV line by line as `fabric run` does, and puts its failed rows in the dead-letter queue', async () => {
      await fabric.dropExample(`breast-cancer/${CSV}`, CSV);
      await fabric.output.written(`breast-cancer/${CSV}/_SUCCESS`);
      const deployed = await linesOf(`breast-cancer/${CSV}`);
      const local = await runHere('breast-cancer', CSV);
      expect(deployed).toEqual(local);
      expect(local.errors.length).toBeGreaterThan(0);
      const counts = { succeeded: local.results.length, failed: local.errors.length };
      const total = counts.succeeded + counts.failed;
      expect(await manifestOf(`breast-cancer/${CSV}`)).toMatchObject({
        status: 'complete',
        counts: { ...counts, total },
        source: { uri: `s3://${fabric.place.inputBucket}/breast-cancer/${CSV}` },
      });
      const letters = await fabric.takeAll(fabric.place.deadLetters['breast-cancer'] ?? '');
      const { job } = await manifestOf(`breast-cancer/${CSV}`);
      const failed = letters.map((letter) => JSON.parse(letter) as DeadLetter).filter((letter) => letter.job === job);
      expect(failed.map(({ id }) => id).toSorted()).toEqual(local.errors.map(({ id }) => id).toSorted());
      expect(failed[0]).toMatchObject({ version: 1, pipeline: 'breast-cancer' });
    });

    test('answers JSON lines as `fabric run` does', async () => {
      await fabric.dropExample('wine/wine.jsonl', 'wine.jsonl');
      await fabric.output.written('wine/wine.jsonl/_SUCCESS');
      expect(await linesOf('wine/wine.jsonl')).toEqual(await runHere('wine', 'wine.jsonl'));
    });

    test('answers each image by an object of its own, and those of a manifest as a job', async () => {
      for (const image of IMAGES) await fabric.dropExample(`digits/scans/${image}`, `digits/${image}`);
      for (const image of IMAGES) await fabric.output.written(`digits/scans/${image}.json`);
      const keys = IMAGES.map((image) => `digits/scans/${image}`);
      await fabric.drop('digits/scans.manifest.json', JSON.stringify(keys));
      await fabric.output.written('digits/scans.manifest.json/_SUCCESS');

      const local = await runHere('digits', 'digits');
      const wanted = local.results.slice(0, IMAGES.length).map(({ prediction, input }) => ({ prediction, input }));
      const { results } = await linesOf('digits/scans.manifest.json');
      expect(results.map(({ prediction, input }) => ({ prediction, input }))).toEqual(wanted);
      for (const [index, key] of keys.entries()) {
        const answer = await getText(fabric.store, { bucket: fabric.place.outputBucket, key: `${key}.json` });
        expect(JSON.parse(answer?.text ?? '')).toMatchObject({ prediction: wanted[index]?.prediction });
      }
    });

    test('explains what makes no job', async () => {
      await fabric.drop('claims/claims.jsonl', '{}\n');
      await fabric.drop('wine/_hidden.jsonl', '{}\n');
      await fabric.drop('wine/corrupt.jsonl.gz', Buffer.from('1f8b0800ffff', 'hex'));
      for (const key of ['claims/claims.jsonl', 'wine/_hidden.jsonl', 'wine/corrupt.jsonl.gz']) {
        await fabric.output.written(`_rejected/${key}.json`);
        const address = { bucket: fabric.place.outputBucket, key: `_rejected/${key}.json` };
        const explanation = JSON.parse((await getText(fabric.store, address))?.text ?? '') as { reason: string };
        expect(explanation).toMatchObject({ key });
        expect(explanation.reason).not.toBe('');
      }
    });

    test('answers elements that a producer sends', async () => {
      const elements = [
        { id: 'a', input: { features: [14.06, 2.15, 2.61, 17.6, 121, 2.6, 2.51, 0.31, 1.25, 5.05, 1.06, 3.58, 1295] } },
        { id: 'b', input: { features: 'none' } },
      ];
      const message = { version: 1, kind: 'elements', pipeline: 'wine', elements };
      const id = await fabric.send(fabric.place.bundles['wine'] ?? '', JSON.stringify(message));
      await fabric.output.written(new RegExp(`^wine/_elements/.*/errors/${id}\\.jsonl$`));
      expect(fabric.output.count(new RegExp(`^wine/_elements/\\d{4}-\\d\\d-\\d\\d/\\d\\d/${id}\\.jsonl$`))).toBe(1);
    });

    test('shows a job, its failures, and runs them again, by the command line', async () => {
      const folder = 'breast-cancer/again.csv';
      await fabric.dropExample(folder, CSV);
      await fabric.output.written(`${folder}/_SUCCESS`);
      const before = await linesOf(folder);
      const job = `s3://${fabric.place.outputBucket}/${folder}`;
      const counts = { total: before.results.length + before.errors.length, failed: before.errors.length };
      expect(await answerOf('status', job)).toMatchObject({ status: 'complete', counts });
      expect(await answerOf('failures', job)).toMatchObject({ total: before.errors.length });
      // They fail again, as they must: what counts is that nothing is lost, and nothing is there twice.
      await answerOf('redrive', job, '--wait');
      expect(await linesOf(folder)).toEqual(before);
      expect(await manifestOf(folder)).toMatchObject({ status: 'complete', counts });
      expect(fabric.output.count(`${folder}/_manifest.json`)).toBe(2);
    });

    test('parks a bundle that fails time after time', async () => {
      const queue = fabric.place.bundles['digits'] ?? '';
      const parked = fabric.place.parked['digits'] ?? '';
      await parkAfter(fabric.aws, queue, { parked, receives: 2 });
      const source = { bucket: fabric.place.inputBucket, key: 'digits/none', etag: 'none', format: 'images' };
      const range = { start: 0, end: 1 };
      const message = { version: 1, kind: 'bundle', pipeline: 'digits', job: 'none', bundle: 0, of: 1 };
      const body = JSON.stringify({ ...message, source: { ...source, range } });
      await fabric.send(queue, body);
      expect(await fabric.take(parked)).toBe(body);
    });

    describe('by events as S3 sends them', { concurrent: false }, () => {
      let sequence = 0;
      const eventOf = ({ key, etag, versionId }: DroppedObject): string => {
        sequence += 1;
        const sequencer = `0055AED6DCD9028${sequence.toString(16)}`;
        return s3Event([{ bucket: fabric.place.inputBucket, key, etag, versionId, sequencer }]);
      };
      // The emulators' own events are not quite those: ministack's have raw keys and name no version.
      beforeAll(() => fabric.sendEvents(false));
      afterAll(() => fabric.sendEvents(true));

      test('finds an object whatever its key, and runs it once however often it is told of', async () => {
        const folder = 'wine/2026 claims/a+b%2Bc=ü🧪.jsonl';
        const event = eventOf(await fabric.drop(folder, wines(3)));
        await fabric.send(fabric.place.intake, event);
        await fabric.output.written(`${folder}/_SUCCESS`);
        const manifest = await manifestOf(folder);
        for (let times = 0; times < 3; times += 1) await fabric.send(fabric.place.intake, event);
        const after = await fabric.drop('wine/after.jsonl', wines(1));
        await fabric.send(fabric.place.intake, eventOf(after));
        await fabric.output.written('wine/after.jsonl/_SUCCESS');
        expect(await manifestOf(folder)).toEqual(manifest);
        expect((await linesOf(folder)).results.map(({ id }) => id)).toEqual(['wine-0', 'wine-1', 'wine-2']);
        expect(fabric.output.count(/^wine\/2026 claims\/.*part-/)).toBe(1);
      });

      test('makes a job of each upload of an object, in whichever order they are told of', async () => {
        const first = await fabric.drop('wine/daily.jsonl', wines(2));
        const second = await fabric.drop('wine/daily.jsonl', wines(5));
        const [older, newer] = [eventOf(first), eventOf(second)];
        await fabric.send(fabric.place.intake, newer);
        await fabric.output.written('wine/daily.jsonl/_SUCCESS');
        await fabric.send(fabric.place.intake, older);
        await fabric.send(fabric.place.intake, newer);
        await fabric.output.written(/^wine\/daily\.jsonl@[0-9a-f]{12}\/_SUCCESS$/);
        expect((await linesOf('wine/daily.jsonl')).results).toHaveLength(5);
        const other = await Array.fromAsync(fabric.store.list(fabric.place.outputBucket, 'wine/daily.jsonl@'));
        const folder = other[0]?.key.replace(/@([0-9a-f]{12})\/.*$/, '@$1') ?? '';
        expect((await linesOf(folder)).results).toHaveLength(2);
      });

      test('keeps the answer to the newest upload of an image', async () => {
        const first = await fabric.dropExample('digits/latest.png', 'digits/digit-0001.png');
        const second = await fabric.dropExample('digits/latest.png', 'digits/digit-0002.png');
        const [older, newer] = [eventOf(first), eventOf(second)];
        await fabric.send(fabric.place.intake, newer);
        await fabric.output.written('digits/latest.png.json');
        const address = { bucket: fabric.place.outputBucket, key: 'digits/latest.png.json' };
        const answer = await getText(fabric.store, address);
        const marker = await fabric.dropExample('digits/marker.png', 'digits/digit-0003.png');
        await fabric.send(fabric.place.intake, older);
        await fabric.send(fabric.place.intake, eventOf(marker));
        await fabric.output.written('digits/marker.png.json');
        expect(await getText(fabric.store, address)).toEqual(answer);
      });
    });
  });
}

/** What a command of the CLI prints with `--json`. */
async function answerOf(command: string, ...args: readonly string[]): Promise<unknown> {
  const { status, stdout, stderr } = await runFabric([command, ...args, '--json']);
  expect(status === 0 || status === 3, stderr).toBe(true);
  return JSON.parse(stdout) as unknown;
}

/** The lines of `fabric run` on a file or folder of `examples/data`. */
async function runHere(pipeline: string, input: string): Promise<JobLines> {
  await using folder = await temporaryFolder();
  const { status, stderr } = await runFabric(['run', pipeline, `examples/data/${input}`, '--output', folder.path]);
  expect(status === 0 || status === 3, stderr).toBe(true);
  return linesInFolder(join(folder.path, pipeline, input));
}

function wines(count: number): string {
  const features = [13.86, 1.35, 2.27, 16, 98, 2.98, 3.15, 0.22, 1.85, 7.22, 1.01, 3.55, 1045];
  const lines = Array.from({ length: count }, (_, index) => JSON.stringify({ id: `wine-${index}`, features }));
  return `${lines.join('\n')}\n`;
}
