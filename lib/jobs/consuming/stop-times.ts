/** How the time is spent that a consumer has from when it is told to stop, in milliseconds. */
export interface StopTimes {
  /** For messages at work to come to their end. */
  readonly finishMillis: number;
  /** For those that did not to be handed back. */
  readonly handBackMillis: number;
  /** For those that could be neither finished nor handed back. */
  readonly giveBackMillis: number;
  /** From the start, after which its process ends, whatever hangs: what it has not given back comes again soon. */
  readonly lastMillis: number;
}

const FINISH_SHARE = 0.4;
const HAND_BACK_SHARE = 0.2;
/** To hand a message back costs little, as what is answered of it is staged: nothing is gained by waiting for long. */
const MAX_FINISH_MILLIS = 8000;
const MAX_HAND_BACK_MILLIS = 6000;
const GIVE_BACK_MILLIS = 1000;
/** For closing down. */
const CLOSE_MILLIS = 1500;

/** Of 30 s or more 8 to finish, 6 to hand back, and 16.5 in all: the rest is for a machine that is busy. */
export function stopTimes(stopTimeoutSecs: number): StopTimes {
  const millis = stopTimeoutSecs * 1000;
  const finishMillis = Math.min(MAX_FINISH_MILLIS, millis * FINISH_SHARE);
  const handBackMillis = Math.min(MAX_HAND_BACK_MILLIS, millis * HAND_BACK_SHARE);
  const giveBackMillis = GIVE_BACK_MILLIS;
  const lastMillis = finishMillis + handBackMillis + giveBackMillis + CLOSE_MILLIS;
  return { finishMillis, handBackMillis, giveBackMillis, lastMillis };
}
