import { type Egress, type EgressAllowList, egressSchema } from '../../shared/egress.ts';

export type EgressChoice = 'none' | 'all' | 'hosts' | '';

/** The allow-list that a text means, with one host a line; or what is wrong with it. */
export function parseEgressHosts(text: string): {
  readonly egress: EgressAllowList;
  readonly error: string | undefined;
} {
  const allow = text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const checked = egressSchema.safeParse({ allow });
  const egress = { allow };
  if (allow.length === 0) return { egress, error: 'Name at least one host' };
  return { egress, error: checked.error?.issues[0]?.message };
}

export function egressOf(choice: Exclude<EgressChoice, ''>, hosts: string): Egress {
  return choice === 'hosts' ? parseEgressHosts(hosts).egress : choice;
}

/** What the form shows of a version's setting. */
export function egressDraft(egress: Egress): { readonly egress: EgressChoice; readonly egressHosts: string } {
  if (typeof egress === 'string') return { egress, egressHosts: '' };
  return { egress: 'hosts', egressHosts: egress.allow.join('\n') };
}
