import { enableOwnCompileCache } from '../../stores/compile-cache.ts';

// The program of a worker that is a thread of its engine's process. A thread has no compile cache of its process's: without
// one it would compile all modules, and strip the types of the config, again. Nothing else is imported before that.
enableOwnCompileCache();
await import('./run-in-thread.ts');
