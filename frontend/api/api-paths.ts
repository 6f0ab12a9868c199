/** Below which the platform's API is. */
export const root = '/api/v1';
export const segment = encodeURIComponent;
export const functionPath = (name: string): string => `${root}/functions/${segment(name)}`;
export const draftPath = (name: string, draft: string): string => `${functionPath(name)}/drafts/${segment(draft)}`;
