/** A request over HTTP has the name in its query; who calls with an event of their own may name it there. */
interface HelloEvent {
  readonly queryStringParameters?: Readonly<Record<string, string>>;
  readonly name?: string;
}
interface Context {
  readonly functionName: string;
  readonly functionVersion: string;
}

/** Answers `GET /hello?name=Ada`, and the event `{"name":"Ada"}`. What a handler returns becomes JSON. */
export async function handler(event: HelloEvent | null, context: Context) {
  const name = event?.queryStringParameters?.['name'] ?? event?.name ?? 'world';
  console.log(`greeting ${name}`);
  return { message: `Hello, ${name}!`, from: `${context.functionName} version ${context.functionVersion}` };
}
