/**
 * `npm run simulate:scaling`: container tasks that follow a backlog, over days of simulated time. Prints what each setting
 * costs and saves, and puts the tables and two plots into docs/scaling.md. The world is a model; settings and steps are those
 * that are deployed, and were chosen by it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DESIGNS } from './scaling-simulation/designs.ts';
import { CANDIDATES, choose, evaluate, sweep, type Swept } from './scaling-simulation/evaluation.ts';
import { plot } from './scaling-simulation/plot.ts';
import { DEPLOYED } from './scaling-simulation/scaling-settings.ts';
import { simulate } from './scaling-simulation/simulate.ts';
import { hourDollars, SURROUNDINGS } from './scaling-simulation/surroundings.ts';
import { designTable, sweepTable, traceTable } from './scaling-simulation/table.ts';
import { tradeOffPlot } from './scaling-simulation/trade-off-plot.ts';
import { BURSTS, MONDAY, OFFICE, OFFICE_LONG, OFFICE_SHORT, TRICKLE, TRYING_OUT } from './scaling-simulation/traces.ts';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const images = `${docs}images/`;

const deployed = evaluate(DEPLOYED);
const settings = Object.keys(CANDIDATES) as Swept[];
const sweeps = new Map(
  settings.map((setting) => {
    const all = sweep(setting, deployed);
    return [setting, { all, chosen: choose(all) }];
  }),
);
const designs = new Map(Array.from(DESIGNS, ([name, design]) => [name, evaluate(design)]));
const options = {
  columns: new Map([
    [OFFICE, 'office 60 s'],
    [OFFICE_LONG, 'office 10 min'],
    [TRICKLE, 'small file'],
    [TRYING_OUT, 'trying out'],
    [BURSTS, 'five drops'],
    [MONDAY, 'Monday'],
  ]),
  hourDollars: hourDollars(),
};
const tables = {
  traces: traceTable(deployed, options.hourDollars),
  settings: sweepTable(sweeps, options),
  designs: designTable(designs, options),
};

let page = await readFile(`${docs}scaling.md`, 'utf8');
for (const [name, table] of Object.entries(tables)) {
  console.log(`${table}\n`);
  const block = new RegExp(`(?<=^<!-- npm run simulate:scaling, ${name} -->\\n\\n\`\`\`text\\n).*?(?=^\`\`\`$)`, 'ms');
  page = page.replace(block, `${table}\n`);
}
await writeFile(`${docs}scaling.md`, page);
await mkdir(images, { recursive: true });
const drops = simulate(BURSTS.arrivals, DEPLOYED, SURROUNDINGS).samples;
await writeFile(`${images}scaling.svg`, await plot('Five drops, and then nothing', drops, { from: 120, to: 210 }));
const inOffice = new Map([
  [OFFICE_SHORT, 'bundles of 10 s'],
  [OFFICE, 'bundles of 60 s'],
  [OFFICE_LONG, 'bundles of 10 min'],
]);
const backlogs = sweeps.get('backlogPerTask')?.all ?? [];
await writeFile(`${images}scaling-backlog.svg`, await tradeOffPlot('backlogPerTask', backlogs, inOffice));
