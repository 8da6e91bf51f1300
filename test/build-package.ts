import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const script = fileURLToPath(new URL('../scripts/build.ts', import.meta.url));

/** Builds what tests start as processes and threads, once for all of them, and again where tests run again. */
export default async function setUp(project: TestProject): Promise<void> {
  await buildPrograms();
  project.onTestsRerun(buildPrograms);
}

/** In a process of its own: here, imports of the sources may lead to the build. */
async function buildPrograms(): Promise<void> {
  await promisify(execFile)(process.execPath, [script, '--programs']);
}
