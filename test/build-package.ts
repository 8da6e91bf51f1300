import type { TestProject } from 'vitest/node';
import { buildPackage } from '../scripts/build-package.ts';

/** Builds what tests start as processes and threads, once for all of them, and again where tests run again. */
export default async function setUp(project: TestProject): Promise<void> {
  await buildPackage();
  project.onTestsRerun(buildPackage);
}
