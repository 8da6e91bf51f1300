import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createProgram } from '../../cli/main.ts';
import { cliReference } from '../../scripts/docs-cli.ts';

test('docs/cli.md is current: `npm run docs:cli` writes it from the definitions of the commands', async () => {
  expect(await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8')).toBe(cliReference());
});

test('the reference has every command, argument and option', () => {
  const reference = cliReference();
  for (const command of createProgram().commands) {
    expect(reference).toContain(`## \`fabric ${command.name()}\``);
    for (const { flags } of command.options) expect(reference).toContain(`\`${flags}\``);
    for (const argument of command.registeredArguments) expect(reference).toContain(`\`${argument.name()}\``);
  }
});
