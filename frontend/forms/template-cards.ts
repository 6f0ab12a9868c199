/**
 * What the first run shows of the first templates. Their sources are elsewhere: the overview would load them all for who has functions long since.
 */
export const templateCards = [
  {
    id: 'json-api',
    title: 'HTTP JSON API',
    summary: 'TypeScript. Reads the query, answers JSON.',
    fileNames: ['index.ts'],
  },
  {
    id: 'fetch-app',
    title: 'Fetch app',
    summary: 'JavaScript. Request in, Response out, like a Worker.',
    fileNames: ['index.mjs'],
  },
  {
    id: 'python-handler',
    title: 'Python handler',
    summary: 'A plain function: event in, dict out.',
    fileNames: ['main.py'],
  },
] as const;
