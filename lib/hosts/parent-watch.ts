import { Socket } from 'node:net';

/**
 * A thread of a model host, or of a worker process, that ends the process when the supervisor is gone: the kernel then
 * closes the other end of descriptor 5. The main thread can't do that, as a native call may hold it for ever.
 */
const PARENT_FD = 5;

const parent = new Socket({ fd: PARENT_FD, readable: true, writable: false });
parent.on('close', () => process.kill(process.pid, 'SIGKILL'));
parent.resume();
