/** How the time is spent that a consumer has from when it is told to stop, in milliseconds. */
export interface StopTimes {
  /** For messages at work to come to their end. */
  readonly finishMillis: number;
  /** For those that did not to be handed back. */
  readonly handBackMillis: number;
}

const FINISH_SHARE = 0.4;
const HAND_BACK_SHARE = 0.2;

/** Of 30 s, 12 to finish and 6 to hand back: what is left is for closing down, on a machine that may be busy. */
export function stopTimes(stopTimeoutSecs: number): StopTimes {
  const millis = stopTimeoutSecs * 1000;
  return { finishMillis: millis * FINISH_SHARE, handBackMillis: millis * HAND_BACK_SHARE };
}
