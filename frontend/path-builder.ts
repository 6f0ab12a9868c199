/** Every path of the dashboard, in one place. Names are encoded here and nowhere else. */
const segment = encodeURIComponent;

export const functionTabs = [
  'overview',
  'code',
  'invocations',
  'logs',
  'errors',
  'versions',
  'triggers',
  'settings',
] as const;
export type FunctionTab = (typeof functionTabs)[number];

export const paths = {
  overview: () => '/',
  signIn: () => '/sign-in',
  functions: () => '/functions',
  newFunction: (template?: string) =>
    template === undefined ? '/functions/new' : `/functions/new?template=${segment(template)}`,
  function: (name: string, tab: FunctionTab = 'overview') =>
    tab === 'overview' ? `/functions/${segment(name)}` : `/functions/${segment(name)}/${tab}`,
  invocations: () => '/invocations',
  invocation: (id: string) => `/invocations/${segment(id)}`,
  logs: () => '/logs',
  errors: () => '/errors',
  routes: () => '/routes',
  schedules: () => '/schedules',
  deadLetters: () => '/dead-letters',
  alerts: () => '/alerts',
  costs: () => '/costs',
  system: () => '/system',
  secrets: () => '/secrets',
  tokens: () => '/tokens',
  projects: () => '/projects',
  project: (name: string) => `/projects/${segment(name)}`,
  users: () => '/users',
  audit: () => '/audit',
} as const;
