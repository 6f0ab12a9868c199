/**
 * Import direction (ARCHITECTURE.md). An arrow means "may import"; everything else fails:
 * main.ts, composition/, drivers/catalog.ts -> everything. The rest as below; type-only imports obey too.
 */
const tests = '\\.test\\.ts$';
const roots = [
  tests,
  '^backend/main\\.ts$',
  '^backend/composition/',
  '^backend/execution-engine/drivers/catalog\\.ts$',
];
const ours = '^(shared|backend|frontend|cli|tests|scripts|bench)/';
const directed = [];
const only = (name, from, allowed) => {
  directed.push(`^${from}`);
  return {
    name,
    severity: 'error',
    comment: `${from} may import only ${allowed.join(', ')}`,
    from: { path: `^(${from})`, pathNot: roots },
    to: { path: ours, pathNot: allowed.map((path) => `^${path}`) },
  };
};
const core = ['backend/core/', 'shared/', 'backend/util/'];
module.exports = {
  forbidden: [
    only('shared-imports-nothing', 'shared/', ['shared/']),
    only('util-is-a-leaf', 'backend/util/', ['backend/util/', 'shared/']),
    only('core-is-pure', 'backend/core/', ['backend/core/', 'shared/']),
    only('config-is-a-leaf', 'backend/config/', ['backend/config/', 'shared/', 'backend/util/']),
    only('startup-direction', 'backend/startup/', [
      'backend/startup/',
      'backend/config/',
      'backend/control-plane/',
      ...core,
    ]),
    only('api-direction', 'backend/api/', ['backend/api/', 'backend/control-plane/', ...core]),
    only('gateway-direction', 'backend/gateway/', ['backend/gateway/', ...core]),
    only('control-plane-direction', 'backend/control-plane/', ['backend/control-plane/', ...core]),
    only('scheduler-direction', 'backend/scheduler/', ['backend/scheduler/', ...core]),
    only('pool-direction', 'backend/execution-engine/pool/', [
      'backend/execution-engine/(pool|protocol)/',
      'backend/execution-engine/guarded-sandbox\\.ts',
      ...core,
    ]),
    only('protocol-direction', 'backend/execution-engine/protocol/', ['backend/execution-engine/protocol/', ...core]),
    only('guard-direction', 'backend/execution-engine/guarded-sandbox\\.ts', core),
    // $2 is the driver's own folder ($1 the whole path): never another driver.
    only('driver-direction', 'backend/execution-engine/drivers/(?!support/)([^/]+)/', [
      'backend/execution-engine/drivers/($2|support)/',
      ...core,
    ]),
    only('driver-support-direction', 'backend/execution-engine/drivers/support/', [
      'backend/execution-engine/drivers/support/',
      ...core,
    ]),
    only('egress-direction', 'backend/execution-engine/egress/', ['backend/execution-engine/egress/', ...core]),
    only('runtimes-direction', 'backend/execution-engine/runtimes/', ['backend/execution-engine/runtimes/', ...core]),
    only('builder-direction', 'backend/execution-engine/builder/', ['backend/execution-engine/builder/', ...core]),
    only('database-direction', 'backend/database/', ['backend/database/', ...core]),
    only('notifications-direction', 'backend/notifications/', ['backend/notifications/', ...core]),
    only('backup-direction', 'backend/backup/', ['backend/backup/', ...core]),
    only('secrets-direction', 'backend/secrets/', ['backend/secrets/', ...core]),
    only('metrics-direction', 'backend/metrics/', ['backend/metrics/', ...core]),
    only('frontend-direction', 'frontend/', ['frontend/', 'shared/']),
    only('cli-direction', 'cli/', ['cli/', 'shared/']),
    {
      name: 'folders-have-a-direction',
      severity: 'error',
      comment: 'a new folder needs a rule above',
      from: { path: '^backend/', pathNot: [...roots, ...directed] },
      to: { path: ours },
    },
    {
      name: 'guests-have-no-dependencies',
      severity: 'error',
      from: { path: '^backend/execution-engine/runtimes/[^/]+/guest/', pathNot: tests },
      to: {
        pathNot: [
          '^backend/execution-engine/runtimes/[^/]+/guest/',
          // Plain code without imports, bundled into the agent.
          '^backend/util/slot-table\\.ts$',
          '^node:',
          '^(child_process|http|fs|path|net|os|util|stream|module|url|async_hooks|worker_threads|perf_hooks|v8|vm|crypto|events|buffer|process|console|timers|timers/promises|string_decoder|stream/web)$',
        ],
      },
    },
    {
      name: 'shared-is-platform-free',
      severity: 'error',
      from: { path: '^shared/', pathNot: tests },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { path: '^(shared|backend|frontend|cli|scripts)/', pathNot: tests },
      to: { path: '^tests/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: [
          tests,
          '\\.d\\.ts$',
          '^(scripts|bench|tests)/',
          'config\\.ts$',
          '^backend/core/ports/',
          '^frontend/main\\.tsx$',
          '^cli/main\\.ts$',
        ],
      },
      to: {},
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-packages-in-the-product',
      severity: 'error',
      from: { path: '^(shared|backend|cli)/', pathNot: tests },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|data|examples|tests/fixtures)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
};
