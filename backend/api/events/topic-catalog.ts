import type { FastifyRequest } from 'fastify';
import type { AlertEvent, DeploymentEvent, FunctionTick } from '../../../shared/api/events.ts';
import { PlatformError } from '../../../shared/errors.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import { projectOf, shortNameOf } from '../../../shared/names.ts';
import type { Access } from '../../../shared/permissions.ts';
import { parseTopic, type Topic } from '../../../shared/topics.ts';
import { isInScope } from '../../control-plane/alerts.ts';
import type { FunctionEntry } from '../../control-plane/function-directory.ts';
import type { LogScope } from '../../core/ports/log-sink.ts';
import { missingAccess } from '../auth.ts';
import { callerOf, functionNameIn, projectOfRequest, shownProject } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import { followedScope } from '../controllers/log-scope.ts';
import { timeText } from '../documents.ts';
import { alertScope } from '../routes/alerts.ts';
import type { TopicSource } from './event-hub.ts';

/** A topic that the caller may have. */
export type ResolvedTopic = {
  readonly text: string;
  /** The function that it is about; another one of the same name is another topic. */
  readonly functionId: FunctionId | undefined;
} & (
  | { readonly kind: 'logs'; readonly scope: LogScope; readonly tail: number }
  | { readonly kind: 'ring'; readonly key: string; readonly source: TopicSource }
);

/** A deployment changes a function several times in a row. */
const mergeMs = 100;

/** What topics of event streams are made of, and who may have them: whoever may call the route that answers the same. */
export class TopicCatalog {
  readonly #context: ApiContext;

  constructor(context: ApiContext) {
    this.#context = context;
  }

  /**
   * Throws `invalid_request`/`bad_topic` or `bad_filter`, `forbidden`, or `not_found`/`function_not_found`: also for a
   * function of a project that the caller does not see.
   */
  resolve(request: FastifyRequest, text: string): ResolvedTopic {
    const topic = parseTopic(text);
    if (topic === undefined) {
      const message = `${JSON.stringify(text.slice(0, 64))} is no topic; there are metrics, logs, deployments and alerts`;
      throw new PlatformError('invalid_request', 'bad_topic', message);
    }
    const caller = callerOf(request);
    const access = accessOf(topic);
    if (!caller.access.has(access)) throw missingAccess(caller, access);
    switch (topic.kind) {
      case 'metrics':
        return topic.functionName === undefined
          ? this.#metrics(request, text)
          : this.#functionMetrics(request, text, topic.functionName);
      case 'logs':
        return this.#logs(request, text, topic);
      case 'deployments':
        return this.#deployments(request, text);
      case 'alerts':
        return this.#alerts(request, text);
    }
  }

  #metrics(request: FastifyRequest, text: string): ResolvedTopic {
    const project = shownProject(request);
    const source: TopicSource = {
      mergeMs: 0,
      start: (publish) => this.#context.metrics.subscribe((tick) => publish('tick', { topic: text, ...tick }), project),
    };
    return { kind: 'ring', text, functionId: undefined, key: keyIn(project, text), source };
  }

  #functionMetrics(request: FastifyRequest, text: string, name: string): ResolvedTopic {
    const { record } = this.#context.controlPlane.directory.get(functionNameIn(request, name));
    const project = projectOfRequest(request);
    const source: TopicSource = {
      mergeMs: 0,
      start: (publish) =>
        this.#context.metrics.subscribe(({ at, stepMs, functions }) => {
          const numbers = (Object.hasOwn(functions, name) ? functions[name] : undefined) ?? {
            invocations: 0,
            errors: 0,
            p95Ms: null,
          };
          const data: FunctionTick = { topic: text, at, stepMs, ...numbers };
          publish('tick', data);
        }, project),
    };
    return { kind: 'ring', text, functionId: record.id, key: `${record.id} ${text}`, source };
  }

  #logs(request: FastifyRequest, text: string, topic: Extract<Topic, { kind: 'logs' }>): ResolvedTopic {
    const { directory } = this.#context.controlPlane;
    const { functionName, filter, tail } = topic;
    const functionId =
      functionName === undefined ? undefined : directory.get(functionNameIn(request, functionName)).record.id;
    const scope = followedScope(directory, request, functionId, filter === '' ? undefined : filter);
    return { kind: 'logs', text, functionId, scope, tail };
  }

  #deployments(request: FastifyRequest, text: string): ResolvedTopic {
    const { controlPlane, clock } = this.#context;
    const project = shownProject(request);
    const source: TopicSource = {
      mergeMs,
      start: (publish) =>
        controlPlane.directory.onChange((entry, isRemoved) => {
          if (project !== undefined && projectOf(entry.record.name) !== project) return;
          publish('deployment', deploymentOf(text, entry, isRemoved, project, clock.now()), entry.record.id);
        }),
    };
    return { kind: 'ring', text, functionId: undefined, key: keyIn(project, text), source };
  }

  #alerts(request: FastifyRequest, text: string): ResolvedTopic {
    const { controlPlane, clock } = this.#context;
    const scope = alertScope(request);
    const source: TopicSource = {
      mergeMs,
      start: (publish) =>
        controlPlane.alerts.onChange((rule, isRemoved) => {
          if (!isInScope(rule, scope)) return;
          const { id, name, memory } = rule;
          const at = timeText(clock.now());
          const data: AlertEvent = { topic: text, at, ruleId: id, name, isRemoved, state: memory.state };
          publish('alert', data, id);
        }),
    };
    // Who may see all projects need not see the rules of the installation.
    const key = keyIn(scope.project, scope.hasInstallation ? `${text} installation` : text);
    return { kind: 'ring', text, functionId: undefined, key, source };
  }
}

/** That of the route which answers the same at once. */
function accessOf(topic: Topic): Access {
  if (topic.kind === 'alerts') return 'operate';
  return topic.kind === 'logs' && topic.functionName !== undefined ? 'invocations' : 'read';
}

/** Names of projects have no blanks. */
const keyIn = (project: string | undefined, text: string) => `${project ?? '*'} ${text}`;

function deploymentOf(
  topic: string,
  { record, aliases }: FunctionEntry,
  isRemoved: boolean,
  project: string | undefined,
  now: number,
): DeploymentEvent {
  return {
    topic,
    at: timeText(now),
    functionName: project === undefined ? record.name : shortNameOf(record.name),
    isRemoved,
    latestVersion: record.latestVersion,
    live: (aliases.get('live')?.versions ?? []).map(({ version, weight }) => ({ version, weight })),
  };
}
