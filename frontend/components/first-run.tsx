import { Link } from '@tanstack/react-router';
import { Rocket } from 'lucide-react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import { usePermission } from '../api/permission.ts';
import { templateCards } from '../forms/template-cards.ts';
import { paths } from '../path-builder.ts';
import { buttonClasses } from '../ui/button.tsx';
import { CodeBlock } from '../ui/copy-button.tsx';
import { EmptyState } from '../ui/empty-state.tsx';

const commands = [
  'hearth init hello        # a folder with a function that runs',
  'hearth deploy hello      # build, upload, live',
  'hearth invoke hello --data \'{"name":"Ada"}\'',
  'hearth logs hello --follow',
].join('\n');

function TemplateCards() {
  return (
    <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
      {templateCards.map((template) => (
        <li key={template.id}>
          <Link
            to={paths.newFunction()}
            search={{ template: template.id }}
            className="flex h-full flex-col rounded-lg border border-line-strong bg-surface p-4 text-left text-text no-underline hover:border-accent"
          >
            <span className="font-semibold">{template.title}</span>
            <span className="mt-1 text-sm text-muted">{template.summary}</span>
            <span className="mt-3 font-mono text-xs text-faint">{template.fileNames.join(', ')}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** The examples that came with the platform, for who would rather look at something that runs. */
function ExamplesNote({ functions }: { readonly functions: readonly FunctionDocument[] }) {
  if (functions.length === 0) return null;
  return (
    <p className="text-center text-sm text-muted">
      Already running, as examples:{' '}
      {functions.slice(0, 5).map(({ name }, index) => (
        <span key={name}>
          {index > 0 && ', '}
          <Link to={paths.function(name, 'code')}>{name}</Link>
        </span>
      ))}
    </p>
  );
}

/** What somebody sees who has no function yet: three ways to the first answer. */
export function FirstRun({ examples = [] }: { readonly examples?: readonly FunctionDocument[] }) {
  const refusal = usePermission('createFunction');
  if (refusal !== undefined) {
    return (
      <>
        <EmptyState icon={<Rocket />} title="Nobody has deployed a function here yet">
          Deploying one {refusal}.
        </EmptyState>
        <ExamplesNote functions={examples} />
      </>
    );
  }
  return (
    <div className="mx-auto flex max-w-4xl flex-col gap-6 py-6">
      <ExamplesNote functions={examples} />
      <div className="flex flex-col items-center gap-2 text-center">
        <Rocket className="size-8 text-accent" aria-hidden="true" />
        <h2 className="text-2xl font-semibold tracking-tight">Deploy your first function</h2>
        <p className="max-w-xl text-muted">
          A function is a file with a handler. Pick a starting point, press Deploy, and it answers at an address of its
          own.
        </p>
      </div>
      <TemplateCards />
      <div className="flex justify-center">
        <Link to={paths.newFunction()} className={buttonClasses('primary')}>
          See all templates
        </Link>
      </div>
      <section>
        <h3 className="mb-2 font-semibold">Or from your terminal</h3>
        <CodeBlock text={commands} label="commands" />
      </section>
      <ol className="grid gap-3 text-sm text-muted sm:grid-cols-3">
        <li>
          <strong className="block text-text">1. Deploy</strong>
          Each deployment is an immutable version; <code className="font-mono">live</code> points at one of them.
        </li>
        <li>
          <strong className="block text-text">2. Call</strong>
          Test it beside its code, or with the curl line on its page. The first chart point appears within two seconds.
        </li>
        <li>
          <strong className="block text-text">3. Roll back</strong>
          One click makes an earlier version live again. Nothing is rebuilt.
        </li>
      </ol>
    </div>
  );
}
