import { useQuery } from '@tanstack/react-query';
import {
  BellRing,
  Boxes,
  Bug,
  CalendarClock,
  Coins,
  FolderKanban,
  History,
  Inbox,
  KeyRound,
  LayoutDashboard,
  ListTree,
  LockKeyhole,
  type LucideIcon,
  Route,
  ScrollText,
  ServerCog,
  Users,
} from 'lucide-react';
import type { Operation } from '../../shared/operation-access.ts';
import { useApi } from '../api/context.tsx';
import { refusalOf, whoamiQuery } from '../api/permission.ts';
import { paths } from '../path-builder.ts';

interface Section {
  readonly path: string;
  readonly label: string;
  readonly key: string;
  readonly reads: Operation;
  readonly Icon: LucideIcon;
}

/** The pages of the main navigation, in their order. `key` is what follows `g` on the keyboard, `reads` what the page asks of the platform first. */
const sections = [
  { path: paths.overview(), label: 'Overview', key: 'o', reads: 'queryMetrics', Icon: LayoutDashboard },
  { path: paths.functions(), label: 'Functions', key: 'f', reads: 'listFunctions', Icon: Boxes },
  { path: paths.invocations(), label: 'Invocations', key: 'i', reads: 'listInvocations', Icon: ListTree },
  { path: paths.logs(), label: 'Logs', key: 'l', reads: 'queryLogs', Icon: ScrollText },
  { path: paths.errors(), label: 'Errors', key: 'e', reads: 'listErrorGroups', Icon: Bug },
  { path: paths.routes(), label: 'Routes', key: 'r', reads: 'listRoutes', Icon: Route },
  { path: paths.schedules(), label: 'Schedules', key: 'c', reads: 'listSchedules', Icon: CalendarClock },
  { path: paths.deadLetters(), label: 'Dead letters', key: 'd', reads: 'listDeadLetters', Icon: Inbox },
  { path: paths.alerts(), label: 'Alerts', key: 'a', reads: 'listAlerts', Icon: BellRing },
  { path: paths.costs(), label: 'Costs', key: 'm', reads: 'getCosts', Icon: Coins },
  { path: paths.secrets(), label: 'Secrets', key: 'k', reads: 'listSecrets', Icon: LockKeyhole },
  { path: paths.system(), label: 'System', key: 's', reads: 'getPools', Icon: ServerCog },
  { path: paths.tokens(), label: 'Tokens', key: 't', reads: 'listTokens', Icon: KeyRound },
  { path: paths.projects(), label: 'Projects', key: 'p', reads: 'listProjects', Icon: FolderKanban },
  { path: paths.users(), label: 'Users', key: 'u', reads: 'listUsers', Icon: Users },
  { path: paths.audit(), label: 'Audit', key: 'h', reads: 'listAudit', Icon: History },
] as const satisfies readonly Section[];

/** The page of a path, with what somebody has to be allowed to do for it to be of any use. */
export function pageOf(path: string): Pick<Section, 'label' | 'reads'> | undefined {
  if (path === paths.newFunction()) return { label: 'New function', reads: 'createFunction' };
  return sections.findLast((section) => path === section.path || path.startsWith(`${section.path}/`));
}

/** The sections that the person may read. Until that is known all of them, with `isKnown` false. */
export function useSections() {
  const { data, isPending } = useQuery(whoamiQuery(useApi()));
  return { sections: sections.filter(({ reads }) => refusalOf(data, reads) === undefined), isKnown: !isPending };
}
