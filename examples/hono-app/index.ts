import { Hono } from 'hono';
import { etag } from 'hono/etag';
import { HTTPException } from 'hono/http-exception';
import { logger } from 'hono/logger';

interface Todo {
  readonly id: number;
  readonly title: string;
  readonly done: boolean;
}

/** Lives as long as the instance does: enough for an example, not a database. */
const todos = new Map<number, Todo>([[1, { id: 1, title: 'Deploy a function', done: true }]]);
let nextId = 2;

const app = new Hono().basePath('/todo');
app.use(logger((line) => console.log(line)));
app.use('/', etag());

app.get('/', (c) => c.json([...todos.values()]));

app.get('/page', (c) => c.html(`<h1>Todo</h1><ul>${[...todos.values()].map((todo) => `<li>${escape(todo.title)}</li>`).join('')}</ul>`));

app.post('/', async (c) => {
  const input = await c.req.json<{ title?: unknown }>().catch(() => undefined);
  if (typeof input?.title !== 'string' || input.title.trim() === '') throw new HTTPException(422, { message: 'title must be a text' });
  const todo: Todo = { id: nextId++, title: input.title, done: false };
  todos.set(todo.id, todo);
  return c.json(todo, 201, { location: `/todo/${todo.id}` });
});

app.patch('/:id{[0-9]+}', (c) => {
  const todo = todos.get(Number(c.req.param('id')));
  if (todo === undefined) throw new HTTPException(404, { message: 'no such todo' });
  todos.set(todo.id, { ...todo, done: true });
  return c.json(todos.get(todo.id));
});

app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  throw error;
});

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

export default app;
