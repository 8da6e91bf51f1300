import { DEPLOYED, type ScalingSettings } from './scaling-settings.ts';

/** Time until intake's own metric is visible, and its alarm is evaluated. */
const OWN_METRIC_SECS = 75;

/** Alternative designs that need no more infrastructure, or little. */
export const DESIGNS: ReadonlyMap<string, ScalingSettings> = new Map([
  ['steps, queue looked at (deployed)', DEPLOYED],
  ['steps, queue falls asleep', { ...DEPLOYED, design: { follow: 'steps', keptActive: false } }],
  [
    'steps, and intake tells of what it sends',
    { ...DEPLOYED, design: { follow: 'steps', keptActive: false, intakeWakesAfterSecs: OWN_METRIC_SECS } },
  ],
  ['target tracking, queue looked at', { ...DEPLOYED, design: { follow: 'tracking', keptActive: true } }],
  ['target tracking, queue falls asleep', { ...DEPLOYED, design: { follow: 'tracking', keptActive: false } }],
  [
    'target tracking, tasks idle for 10 minutes',
    { ...DEPLOYED, idleMinutes: 10, design: { follow: 'tracking', keptActive: true } },
  ],
]);
