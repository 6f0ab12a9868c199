import type { InvocationDetail } from '../../shared/api/invocations.ts';

/** Log lines are stored a moment after the call that wrote them; on a busy host it is some moments. */
const lateMs = 10_000;

/** Whether log lines of a call that is over may still be on their way. A clock of this browser that is wrong by more than that says no. */
export const mayHaveLateLines = ({ finishedAt }: Pick<InvocationDetail, 'finishedAt'>, nowMs: number): boolean =>
  finishedAt !== null && Math.abs(nowMs - Date.parse(finishedAt)) < lateMs;
