import { Boxes, Inbox, KeyRound, LayoutDashboard, ListTree, ServerCog } from 'lucide-react';
import { paths } from '../path-builder.ts';

/** The pages of the main navigation, in their order. */
export const sections = [
  { path: paths.overview(), label: 'Overview', Icon: LayoutDashboard },
  { path: paths.functions(), label: 'Functions', Icon: Boxes },
  { path: paths.invocations(), label: 'Invocations', Icon: ListTree },
  { path: paths.deadLetters(), label: 'Dead letters', Icon: Inbox },
  { path: paths.system(), label: 'System', Icon: ServerCog },
  { path: paths.tokens(), label: 'Tokens', Icon: KeyRound },
] as const;
