import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { EXIT, EXIT_MEANINGS } from '../cli/exit-status.ts';
import { createProgram } from '../cli/main.ts';

// Generates docs/cli.md from the definitions of the commands.
//   node scripts/docs-cli.ts

type Row = readonly string[];

/** Returns the reference of all commands as Markdown. */
export function cliReference(): string {
  const program = createProgram();
  return [
    '# Commands',
    'Generated from the definitions in `cli/commands/` by `npm run docs:cli`: edit those, not this page.',
    ...section(program, '`fabric`', 'Processes files with the pipelines of a config.'),
    table(
      ['command', 'description'],
      program.commands.map((command) => [`[\`${command.name()}\`](#fabric-${command.name()})`, prose(command)]),
    ),
    ...program.commands.flatMap((command) =>
      section(command, `\`fabric ${command.name()}\``, sentence(command.description())),
    ),
    '## Exit statuses',
    table(
      ['status', 'meaning'],
      (Object.keys(EXIT) as (keyof typeof EXIT)[]).map((name) => [String(EXIT[name]), EXIT_MEANINGS[name]]),
    ),
    'Messages go to standard error, each with the prefix `fabric:`. Results, tables and JSON go to standard output.',
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

function section(command: Command, title: string, description: string): readonly string[] {
  const { registeredArguments } = command;
  const usage = command.createHelp().commandUsage(command);
  const args = registeredArguments.map((argument) => [code(argument.name()), marked(argument.description)]);
  return [
    `## ${title}`,
    description,
    `\`\`\`text\n${usage}\n\`\`\``,
    ...(args.length === 0 ? [] : [table(['argument', 'meaning'], args)]),
    table(['option', 'meaning', 'default'], optionRows(command)),
  ];
}

function optionRows(command: Command): readonly Row[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ flags, description, defaultValue }) => {
      // Defaults that depend on the machine or on other options are in the description.
      const [, text = description, inText = ''] = /^(.*) \(default: (.*)\)$/.exec(description) ?? [];
      return [code(flags), marked(text), defaultValue === undefined ? inText : code(String(defaultValue))];
    });
}

function prose(command: Command): string {
  return marked(command.description());
}

function sentence(text: string): string {
  return `${marked(text.charAt(0).toUpperCase() + text.slice(1))}.`;
}

/** Marks options, addresses and placeholders as code. */
function marked(text: string): string {
  return text.replaceAll(/[^\s,;:(]*(?::\/\/[^\s,;]*)?<[^\s,;]*|--[a-z-]+/g, code);
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Formats a table with aligned columns, as the formatter does. */
function table(head: Row, rows: readonly Row[]): string {
  const widths = head.map((cell, column) =>
    Math.max(3, ...[cell, ...rows.map((row) => row[column] ?? '')].map((text) => text.length)),
  );
  const line = (row: Row): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

if (import.meta.main) writeFileSync(new URL('../docs/cli.md', import.meta.url), cliReference());
