// The same echo as a worker of workerd.
export default {
  async fetch(request) {
    return Response.json(await request.json());
  },
};
