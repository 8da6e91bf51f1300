import { Server } from 'node:http';

type Emit = (this: Server, event: string, ...args: readonly unknown[]) => boolean;

/**
 * Has every request to an HTTP server of this process wait for so long before the server sees it, as one to S3 waits for
 * the network and the service: it takes time and no CPU.
 */
export function delayRequests(millis: number): void {
  // Its own type has a signature for each event: what comes is passed on as it is.
  const emit = Reflect.get(Server.prototype, 'emit') as Emit;
  const delayed: Emit = function (event, ...args) {
    const pass = (): boolean => emit.call(this, event, ...args);
    if (event !== 'request') return pass();
    setTimeout(pass, millis);
    return true;
  };
  Server.prototype.emit = delayed;
}
