import { setFlagsFromString } from 'node:v8';
import { enableOwnCompileCache } from '../lib/stores/compile-cache.ts';

// Before anything else is imported, so that all of it comes from the cache.
enableOwnCompileCache();
// Workers keep every core busy, and each collects its own small heap: helper threads for that only take turns with the
// other workers (bench/README.md: 5 to 8 % of a run).
setFlagsFromString('--no-parallel-scavenge');
const { main } = await import('./main.ts');
await main(process.argv);
