/**
 * Does the work of Lambda with a bundled function: imports it, and passes it its first event.
 *
 *     node cold-start-child.ts <path of the bundled processor> <event as JSON>
 *
 * Prints the milliseconds from the start of this process until the module was imported, and until the event was answered.
 */
import { pathToFileURL } from 'node:url';
import type { SqsHandler } from '../functions/sqs-handler.ts';

const [path = '', event = ''] = process.argv.slice(2);
const { handler } = (await import(pathToFileURL(path).href)) as { readonly handler: SqsHandler };
const imported = performance.now();
const answer = await handler(JSON.parse(event), { getRemainingTimeInMillis: () => 60_000 });
const answered = performance.now();
if (answer.batchItemFailures.length > 0) throw new Error('the function could not take its first message');
process.stdout.write(`\n${JSON.stringify({ imported, answered })}\n`, () => process.exit(0));
