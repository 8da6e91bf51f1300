/**
 * `npm run simulate:quota`: an endpoint with an unknown quota, engines that pace themselves, and the governor, against the
 * maximum number of engines. Prints a table, and puts it and two plots into docs/quota.md. The time is simulated; the pace and
 * the governor's decision are those that are deployed.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { plot } from './quota-simulation/plot.ts';
import { runScenario, SCENARIOS, SHOWN } from './quota-simulation/scenarios.ts';
import { table } from './quota-simulation/table.ts';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const images = `${docs}images/`;

const comparisons = SCENARIOS.map((scenario) => ({
  scenario,
  governed: runScenario(scenario, true),
  fixed: runScenario(scenario, false),
}));
const printed = table(comparisons);
console.log(printed);
const page = await readFile(`${docs}quota.md`, 'utf8');
await writeFile(`${docs}quota.md`, page.replace(/(?<=^```text\n).*?(?=^```$)/ms, `${printed}\n`));
await mkdir(images, { recursive: true });
const shown = comparisons.find(({ scenario }) => scenario === SHOWN);
if (shown === undefined) throw new Error('the scenario that the plot shows is not among those of the table');
await writeFile(`${images}quota.svg`, await plot('With the governor', shown.governed));
await writeFile(`${images}quota-without-governor.svg`, await plot('Without: 200 engines, all the time', shown.fixed));
