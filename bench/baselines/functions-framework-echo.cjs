// The same echo as a function of @google-cloud/functions-framework, which parses JSON bodies itself.
exports.echo = (request, response) => response.json(request.body);
