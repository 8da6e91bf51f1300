import { enableOwnCompileCache } from '../stores/compile-cache.ts';
import { dieWithParent } from './die-with-parent.ts';

// A model host: the program that the supervisor starts. It ends when the other end of descriptor 5 is closed, even in the
// middle of a native call, because a separate thread watches that descriptor.

// Before the rest is imported, so that it comes from the cache.
enableOwnCompileCache();
dieWithParent();
// Ctrl-C in a terminal goes to every process of the group; only the supervisor may end a host.
process.on('SIGINT', () => {});
await import('./serve-frames.ts');
