import { describe, expect, test } from 'vitest';
import { type EndedJob, LocalReport } from '../../../cli/local/local-report.ts';
import type { JobEvent } from '../../../lib/jobs/fabric-ports.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

function reportOf(): { readonly report: LocalReport; readonly jobs: EndedJob[] } {
  const jobs: EndedJob[] = [];
  const report = new LocalReport({
    output: '/out',
    objectPipelines: new Set(['images']),
    live: false,
    onJob: (job) => jobs.push(job),
    onObjects: () => {},
  });
  return { report, jobs };
}

function ended(folder: string, job = folder): JobEvent {
  const counts = { total: 2, succeeded: 1, failed: 1 };
  return { pipeline: 'wine', job, status: 'complete', counts, manifest: `s3://output/${folder}/_manifest.json` };
}

describe('a local report', () => {
  test('reports a job again when its results are completely written, and the same end only once', () => {
    const { report, jobs } = reportOf();
    for (let time = 0; time < 2; time += 1) report.jobEnded(ended('wine/a'), { isWritten: false });
    report.jobEnded(ended('wine/b'), { isWritten: true });
    report.recovered('wine/a');
    expect(jobs.map(({ results, isWritten }) => [results, isWritten])).toEqual([
      ['/out/wine/a', false],
      ['/out/wine/b', true],
      ['/out/wine/a', true],
    ]);
    expect(report.summary()).toMatchObject({ total: 4, failed: 2 });
  });

  test('knows which objects have no results: no ended job, no answer, no explanation', async () => {
    const { report } = reportOf();
    const folder = await temporaryFolder();
    report.jobEnded(ended('wine/a.jsonl', 'one'), { isWritten: true });
    report.jobEnded(ended('wine/b.jsonl@0123456789ab', 'two'), { isWritten: true });
    const answer = await writeIn(folder, '1.png.json', '{"id":"1.png#0","prediction":1,"model":[]}\n');
    await report.mirrored('images/1.png.json', answer);
    await report.mirrored('_rejected/wine/d.jsonl.json', await writeIn(folder, 'd.json', '{"key":"wine/d.jsonl"}'));
    const objectKeys = ['wine/a.jsonl', 'wine/b.jsonl', 'wine/c.jsonl', 'wine/d.jsonl', 'images/1.png', 'images/2.png'];
    expect(report.withoutResults(objectKeys)).toEqual(['wine/c.jsonl', 'images/2.png']);
  });

  test('counts the answer to an object named job, and no results of a job that have the same name', async () => {
    const { report } = reportOf();
    const folder = await temporaryFolder();
    const failure = '{"id":"set/job#0","stage":"read","error":{"name":"ImageDecodeError","message":"damaged"}}\n';
    await report.mirrored('images/set/job.json', await writeIn(folder, 'failure', failure));
    await report.mirrored(
      'images/_job.json',
      await writeIn(folder, 'plan', '{"version":1,"id":"0a","of":1,"plan":{}}'),
    );
    expect(report.summary()).toMatchObject({ total: 1, failed: 1, objects: [{ pipeline: 'images', failed: 1 }] });
    expect(report.failures).toMatchObject([{ id: 'set/job#0', stage: 'read' }]);
  });
});
