/** How the number of a pipeline's tasks follows its backlog; `npm run simulate:scaling` shows what each value costs and saves. */
export const CONTAINER_SCALING = {
  /** An instance has to start, fetch the image and load models, before a second task can be missed. */
  wakeCooldownSecs: 600,
  /** Twice what a metric lags. */
  scaleOutCooldownSecs: 180,
  scaleInCooldownSecs: 300,
  /** New work within so many minutes finds models loaded. */
  idleMinutes: 10,
} as const;
