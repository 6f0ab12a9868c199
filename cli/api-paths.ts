/** Paths of the API about one thing; what is in it follows. */
export const functionPath = (name: string): string => `/api/v1/functions/${encodeURIComponent(name)}`;
export const buildPath = (id: string): string => `/api/v1/builds/${encodeURIComponent(id)}`;
export const invocationPath = (id: string): string => `/api/v1/invocations/${encodeURIComponent(id)}`;
