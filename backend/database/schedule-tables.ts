import type { FunctionId, InvocationId, ScheduleId } from '../../shared/ids.ts';

/** Rows of schedules and of what they did; part of the schema in tables.ts. */
export interface ScheduleRow {
  id: ScheduleId;
  function_id: FunctionId;
  position: number;
  name: string;
  cron: string;
  time_zone: string;
  /** JSON text. */
  payload: string;
  alias: string;
  misfire: 'skip' | 'run-once';
  /** 0 or 1. */
  is_enabled: number;
  /** Clock.now ms. */
  created_at: number;
  last_tick_at: number | null;
}

/** By the name of the schedule: its id changes with its cron expression. */
export interface ScheduleRunRow {
  function_id: FunctionId;
  schedule: string;
  /** Clock.now ms. */
  at: number;
  /** 0 or 1. */
  is_manual: number;
  /** Null: the tick was skipped. */
  invocation_id: InvocationId | null;
}
