#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Before anything else is imported, so that all of it comes from the cache.
enableCompileCache();
const { main } = await import('./main.ts');
await main(process.argv);
