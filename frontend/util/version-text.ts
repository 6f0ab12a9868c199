import { isDraft } from '../../shared/drafts.ts';

/** What an invocation, a log line or an instance ran. */
export const versionText = (of: { readonly version: number }): string => (isDraft(of) ? 'draft' : `v${of.version}`);
