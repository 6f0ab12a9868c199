import { type Cost, type PriceTable, priceTableSchema } from '../../shared/api/cost.ts';
import { shortNameOf } from '../../shared/names.ts';
import { costOf, lambdaPrices, sumOfCosts } from '../core/policies/cost.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { MetricsReader } from '../core/ports/metrics-reader.ts';
import type { Store } from '../core/ports/store.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';

export interface CostsOptions {
  readonly store: Store;
  readonly metrics: Pick<MetricsReader, 'totals'>;
  readonly directory: Pick<InMemoryFunctionDirectory, 'entriesOf' | 'entries'>;
  readonly clock: Clock;
}

const documentName = 'prices';

/** What functions used, and what that would cost elsewhere. */
export class Costs {
  readonly #options: CostsOptions;

  constructor(options: CostsOptions) {
    this.#options = options;
  }

  /** The operator's price table, or Lambda's. */
  async prices(): Promise<PriceTable> {
    const stored = await this.#options.store.documents.get(documentName);
    return stored === undefined ? lambdaPrices : priceTableSchema.parse(JSON.parse(stored));
  }

  async setPrices(prices: PriceTable, actor: Actor): Promise<PriceTable> {
    const { store, clock } = this.#options;
    const before = await this.prices();
    await store.transaction(async (tx) => {
      await tx.documents.put(documentName, JSON.stringify(prices));
      await tx.audit.append(auditRecord(clock.now(), actor, 'prices.update', 'prices', { before, after: prices }));
    });
    return prices;
  }

  /** What these functions would have cost elsewhere in [from, to). Times are Clock.now ms. */
  async costOf(entries: readonly FunctionEntry[], from: number, to: number): Promise<number> {
    return sumOfCosts((await this.#costsOf(entries, from, to, await this.prices())).flatMap(({ costs }) => costs))
      .elsewhere.total;
  }

  /** Of the functions that a project has now; of all projects when undefined. Times are Clock.now ms. */
  async report(project: string | undefined, from: number, to: number): Promise<Cost> {
    const { directory } = this.#options;
    const prices = await this.prices();
    const entries = project === undefined ? [...directory.entries()] : directory.entriesOf(project);
    const items = (await this.#costsOf(entries, from, to, prices)).flatMap(({ record, costs }) => {
      const functionName = project === undefined ? record.name : shortNameOf(record.name);
      return costs.length === 0 ? [] : [{ functionName, ...sumOfCosts(costs) }];
    });
    return {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      prices,
      items: items.toSorted((a, b) => b.elsewhere.total - a.elsewhere.total),
      total: sumOfCosts(items),
    };
  }

  /** Of each version of each function. */
  async #costsOf(entries: readonly FunctionEntry[], from: number, to: number, prices: PriceTable) {
    const totals = await this.#options.metrics.totals(
      entries.map(({ record }) => record.id),
      from,
      to,
    );
    return entries.map(({ record, versions }) => {
      const used = totals.get(record.id) ?? [];
      return {
        record,
        costs: used.map((total) => costOf(total, versions.get(total.version)?.config.memoryMb ?? 0, prices)),
      };
    });
  }
}
