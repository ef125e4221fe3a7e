/**
 * For Fastify 5: a plugin that lets in who has a good API key.
 *
 * ```js
 * import fastify from 'fastify';
 * import { Doorward } from 'doorward';
 * import { answerErrors, authenticate, requireRole } from 'doorward/fastify';
 *
 * const door = await Doorward.openFromEnv();
 * const app = fastify();
 * app.setErrorHandler(answerErrors);
 * await app.register(authenticate, { door, exempt: ['/health', '/docs/*'] });
 * app.get('/me', (request) => request.auth);
 * app.post('/reload', { onRequest: requireRole('admin') }, reload);
 * ```
 *
 * It is for the scope in which it is registered, and for those within. A plugin that must answer without a key, such as one for
 * CORS, is registered before.
 *
 * @module
 */

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';

import type { AuthenticateOptions as CommonOptions } from './http.js';
import type { AuthContext, Doorward, Role, Session } from './index.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who the caller is; `null` on an exempt path. */
    auth: AuthContext | null;
    /** The door on behalf of the caller; `null` on an exempt path. */
    doorward: Session | null;
  }
}

/** How requests are let in. */
export interface AuthenticateOptions extends CommonOptions {
  readonly door: Doorward;
}

/**
 * Authenticates every request that is not for an exempt path, before its body is read, and answers those that are refused with
 * `application/problem+json`. A remote caller learns no more than "missing" or "invalid API key", and of a fault on this side
 * only the status: the reason goes to `request.log`. Exempt paths are compared below the prefix of the scope.
 *
 * Where the caller's key has a rate limit, every answer has the fields `RateLimit-Policy` and `RateLimit`; a caller that comes too
 * often is answered with 429 and `Retry-After`.
 * @throws `TypeError` if a rule of `exempt` means nothing certain.
 */
export const authenticate: FastifyPluginAsync<AuthenticateOptions>;

/**
 * A hook, `onRequest` or a later one, that lets on callers who have at least this role: `root` does where `admin` is asked for,
 * and both where `read_only` is. Others are answered with 403, and those who are nobody with 401. A session checks roles by
 * itself; this is for what a program does without one.
 */
export function requireRole(role: Role): (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined>;

/**
 * Answers errors of doorward as problem details, as the handler of errors of an application.
 * @throws The error, if it is another one: to the handler around this one.
 */
export function answerErrors(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply;
