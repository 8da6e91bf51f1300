import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { expectRoom, memoryRoom } from '../../../cli/local/memory-room.ts';

const folder = await mkdtemp(join(tmpdir(), 'fabric-room-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

test('memoryRoom is an eighth of the memory, and expectRoom refuses a file that is larger', async () => {
  const path = join(folder, 'file');
  await writeFile(path, Buffer.alloc(100));
  await expectRoom(path, memoryRoom(800));
  await expectRoom(path);
  await expect(expectRoom(path, memoryRoom(799))).rejects.toThrow(
    "it has 100 bytes, but there is only room for 99: 'fabric local' keeps objects in memory; 'fabric run' does not",
  );
});
