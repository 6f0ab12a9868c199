interface Order {
  readonly id: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number; readonly priceCents: number }[];
  /** For trying things out: how many attempts find the payment provider busy. */
  readonly busyAttempts?: number;
}
interface Context {
  readonly attempt: number;
}

class ProviderBusyError extends Error {
  override readonly name = 'ProviderBusyError';
}
class BadOrderError extends Error {
  override readonly name = 'BadOrderError';
}

export async function handler(order: Order, context: Context) {
  if (!Array.isArray(order?.items) || order.items.length === 0) throw new BadOrderError(`order ${order?.id ?? '?'} has no items`);
  console.log(`order ${order.id}: attempt ${context.attempt}`);
  if (context.attempt <= (order.busyAttempts ?? 0)) {
    console.warn(`order ${order.id}: the payment provider is busy`);
    throw new ProviderBusyError('the payment provider is busy, try again');
  }
  const totalCents = order.items.reduce((sum, item) => sum + item.quantity * item.priceCents, 0);
  return { orderId: order.id, totalCents, paidAt: new Date().toISOString(), attempts: context.attempt };
}
