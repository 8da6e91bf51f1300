#!/usr/bin/env node

// This file imports nothing at its top: an older Node.js can't link the other modules, and would print a stack trace.
if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(
    `fabric: Node.js 24 or newer is required, and this is ${process.version}: install it from https://nodejs.org, or in this project with 'npm install -D node@24'`,
  );
  process.exitCode = 1;
} else {
  await import('./start.ts');
}
