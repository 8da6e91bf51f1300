/** Times of a consumer from when it is told to stop, in milliseconds. */
export interface StopTimes {
  /** Time for messages in flight to end. */
  readonly finishMillis: number;
  /** Time to requeue those that did not. */
  readonly handBackMillis: number;
  /** Time to release those that could not be requeued. */
  readonly giveBackMillis: number;
  /** Time until its process ends, even if work hangs: messages that it has not released come again soon. */
  readonly lastMillis: number;
}

const FINISH_SHARE = 0.4;
const HAND_BACK_SHARE = 0.2;
/** Requeueing a message costs little, as its answers are staged: nothing is gained by waiting for long. */
const MAX_FINISH_MILLIS = 8000;
const MAX_HAND_BACK_MILLIS = 6000;
const GIVE_BACK_MILLIS = 1000;
/** For closing down. */
const CLOSE_MILLIS = 1500;

/** Splits 30 s or more: 8 to finish, 6 to requeue, and 16.5 in all; the rest is for a busy machine. */
export function stopTimes(stopTimeoutSecs: number): StopTimes {
  const millis = stopTimeoutSecs * 1000;
  const finishMillis = Math.min(MAX_FINISH_MILLIS, millis * FINISH_SHARE);
  const handBackMillis = Math.min(MAX_HAND_BACK_MILLIS, millis * HAND_BACK_SHARE);
  const giveBackMillis = GIVE_BACK_MILLIS;
  const lastMillis = finishMillis + handBackMillis + giveBackMillis + CLOSE_MILLIS;
  return { finishMillis, handBackMillis, giveBackMillis, lastMillis };
}
