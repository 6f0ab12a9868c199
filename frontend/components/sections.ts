import {
  BellRing,
  Boxes,
  Bug,
  CalendarClock,
  Coins,
  History,
  Inbox,
  KeyRound,
  LayoutDashboard,
  ListTree,
  LockKeyhole,
  ScrollText,
  ServerCog,
  Users,
} from 'lucide-react';
import { paths } from '../path-builder.ts';

/** The pages of the main navigation, in their order. `key` is what follows `g` on the keyboard. */
export const sections = [
  { path: paths.overview(), label: 'Overview', key: 'o', Icon: LayoutDashboard },
  { path: paths.functions(), label: 'Functions', key: 'f', Icon: Boxes },
  { path: paths.invocations(), label: 'Invocations', key: 'i', Icon: ListTree },
  { path: paths.logs(), label: 'Logs', key: 'l', Icon: ScrollText },
  { path: paths.errors(), label: 'Errors', key: 'e', Icon: Bug },
  { path: paths.schedules(), label: 'Schedules', key: 'c', Icon: CalendarClock },
  { path: paths.deadLetters(), label: 'Dead letters', key: 'd', Icon: Inbox },
  { path: paths.alerts(), label: 'Alerts', key: 'a', Icon: BellRing },
  { path: paths.costs(), label: 'Costs', key: 'm', Icon: Coins },
  { path: paths.secrets(), label: 'Secrets', key: 'k', Icon: LockKeyhole },
  { path: paths.system(), label: 'System', key: 's', Icon: ServerCog },
  { path: paths.tokens(), label: 'Tokens', key: 't', Icon: KeyRound },
  { path: paths.users(), label: 'Users', key: 'u', Icon: Users },
  { path: paths.audit(), label: 'Audit', key: 'h', Icon: History },
] as const;
