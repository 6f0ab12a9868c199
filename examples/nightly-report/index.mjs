/** A schedule's payload arrives as the event; what is returned is kept with the invocation. */
export async function handler(event, context) {
  const days = Array.from({ length: 7 }, (_, i) => new Date(Date.now() - i * 86_400_000).toISOString().slice(0, 10));
  console.log(`building the ${event?.report ?? 'default'} report, attempt ${context.attempt}`);
  return { report: event?.report ?? 'default', days, builtAt: new Date().toISOString() };
}
