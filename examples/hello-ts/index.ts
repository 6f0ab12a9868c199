interface HttpEvent {
  readonly rawPath?: string;
  readonly queryStringParameters?: Readonly<Record<string, string>>;
}
interface Context {
  readonly functionName: string;
  readonly functionVersion: string;
}

/** Answers `GET /hello?name=Ada`. What a handler returns becomes JSON. */
export async function handler(event: HttpEvent | null, context: Context) {
  const name = event?.queryStringParameters?.['name'] ?? 'world';
  console.log(`greeting ${name}`);
  return { message: `Hello, ${name}!`, from: `${context.functionName} version ${context.functionVersion}` };
}
