import type { LiveState } from '../api/live-events.ts';

/** Whether what is new arrives. */
export const isFollowing = (state: LiveState): boolean => state === 'open' || state === 'polling';

/** What the dashboard says about its live connection. */
export const liveTexts: Readonly<Record<LiveState, string>> = {
  connecting: 'Connecting',
  open: 'Live',
  waiting: 'Reconnecting',
  closed: 'Not connected',
  paused: 'Paused',
  polling: 'Polling',
};
