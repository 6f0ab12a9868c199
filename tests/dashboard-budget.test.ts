import { describe, expect, it } from 'vitest';
import { type Manifest, weightsOf } from '../scripts/dashboard-budget.ts';

const manifest: Manifest = {
  'index.html': {
    file: 'index.js',
    isEntry: true,
    imports: ['_react.js'],
    dynamicImports: ['pages/overview.tsx', 'pages/function-code.tsx', 'components/shortcuts.tsx'],
    css: ['index.css'],
  },
  '_react.js': { file: 'react.js' },
  '_chart.js': { file: 'chart.js', dynamicImports: ['ui/chart-canvas.tsx'] },
  'ui/chart-canvas.tsx': { file: 'chart-canvas.js', css: ['chart-canvas.css'] },
  'components/shortcuts.tsx': { file: 'shortcuts.js', imports: ['index.html'] },
  'pages/overview.tsx': {
    file: 'overview.js',
    imports: ['index.html', '_chart.js'],
    dynamicImports: ['components/step-cards.tsx'],
  },
  'components/step-cards.tsx': { file: 'step-cards.js', imports: ['_react.js'] },
  'pages/function-code.tsx': {
    file: 'code.js',
    imports: ['_react.js', '_chart.js'],
    dynamicImports: ['ui/code-mirror.tsx', 'pages/overview.tsx', 'components/new-function-deploy.tsx'],
  },
  'components/new-function-deploy.tsx': { file: 'deploy.js', imports: ['_react.js', '_chart.js'] },
  'ui/code-mirror.tsx': { file: 'code-mirror.js', imports: ['_react.js'], dynamicImports: ['_python.js'] },
  '_python.js': { file: 'python.js' },
};
const bytes: Readonly<Record<string, number>> = {
  'index.js': 100_000,
  'react.js': 1_000,
  'chart.js': 200,
  'chart-canvas.js': 30,
  'shortcuts.js': 5_000,
  'overview.js': 4,
  'code.js': 60_000,
  'deploy.js': 7_000,
  'step-cards.js': 900,
  'code-mirror.js': 190_000,
  'python.js': 20_000,
  'index.css': 7,
  'chart-canvas.css': 2,
};
const weights = Object.fromEntries(
  weightsOf(manifest, (file) => bytes[file] ?? Number.NaN).map(({ what, ...weight }) => [what, weight]),
);

describe('the budget of the dashboard', () => {
  it('counts for the first load what every page has, what the overview needs, and what that loads later', () => {
    expect(weights['first load, the overview with its charts']).toEqual({ bytes: 106_234, limit: 200_000 });
  });

  it('counts for a page what comes with it at once or later, without the shell, other pages and the editor', () => {
    expect(weights['pages/overview.tsx']).toEqual({ bytes: 234, limit: 60_000 });
    expect(weights['pages/function-code.tsx']).toEqual({ bytes: 60_230, limit: 60_000 });
  });

  it('counts by itself what a page loads on demand', () => {
    expect(weights['on demand, components/new-function-deploy.tsx']).toEqual({ bytes: 7_230, limit: 60_000 });
    expect(weights['on demand, components/step-cards.tsx']).toEqual({ bytes: 900, limit: 60_000 });
  });

  it('counts for the editor its languages too', () => {
    expect(weights['the code editor']).toEqual({ bytes: 210_000, limit: 200_000 });
  });

  it('counts all styles', () => {
    expect(weights['all styles']).toEqual({ bytes: 9, limit: 20_000 });
  });

  it('does not pass because a file that it names was moved', () => {
    const { 'ui/code-mirror.tsx': moved, ...rest } = manifest;
    expect(() => weightsOf({ ...rest, 'ui/editor.tsx': moved ?? { file: '' } }, () => 1)).toThrow('ui/code-mirror.tsx');
  });
});
