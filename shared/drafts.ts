/**
 * The version number of code that is tried before it is deployed: no deployed version has it. Invocations and log lines of drafts carry it, which is
 * how they are told from others.
 */
export const draftVersion = 0;

export const isDraft = ({ version }: { readonly version: number }): boolean => version === draftVersion;
