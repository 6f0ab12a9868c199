/** The content type of a request or response with its own body behind it (shared/http-message.ts says how one is laid out). By itself, as pages name it that read none. */
export const httpMessageContentType = 'application/vnd.hearth.http-message';
