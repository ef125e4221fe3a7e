/**
 * For servers of `node:http`: a handler that is reached by who has a good API key.
 *
 * ```js
 * import { createServer } from 'node:http';
 * import { Doorward } from 'doorward';
 * import { authenticate } from 'doorward/http';
 *
 * const door = await Doorward.openFromEnv();
 * const handler = (request, response) => response.end(`hello ${request.auth?.institutionId}`);
 * createServer(authenticate(door, handler, { exempt: ['/health', '/docs/*'] })).listen(8080);
 * ```
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { AuthContext, Doorward, Role, Session } from './index.js';

/** What `authenticate` puts on a request. On an exempt path both are `null`. */
export interface Authenticated {
  /** Who the caller is. */
  auth: AuthContext | null;
  /** The door on behalf of the caller. */
  doorward: Session | null;
}

/** How requests are let in. */
export interface AuthenticateOptions {
  /**
   * The paths that need no key: `/health` is that path alone, `/docs/*` everything below `/docs/`, but not `/docs/` itself, which
   * many routers take for `/docs`. They are compared, letter by letter, with the path as it was sent, below where the
   * middleware is mounted. A path with `//`, a segment `.` or `..`, one of `;?#`, at which Fastify's router may end the path, a
   * backslash, a control character, or a percent sign that is left after decoding is never exempt. Default: none.
   */
  readonly exempt?: readonly string[];
}

/** What answers a request that was let in. */
export type Handler<Request extends IncomingMessage = IncomingMessage, Response extends ServerResponse = ServerResponse> = (
  request: Request & Authenticated,
  response: Response,
) => unknown;

/**
 * Authenticates every request that is not for an exempt path, and answers those that are refused with
 * `application/problem+json`; so are the errors of doorward that the handler throws, or rejects with, before it has begun its
 * answer. A remote caller learns no more than "missing" or "invalid API key", and of a fault on this side only the status: the
 * reason goes to `request.log` if there is one, else to the console.
 *
 * Where the caller's key has a rate limit, every answer has the fields `RateLimit-Policy` and `RateLimit`; a caller that comes too
 * often is answered with 429 and `Retry-After`.
 * @throws `TypeError` if a rule of `exempt` means nothing certain.
 */
export function authenticate<Request extends IncomingMessage, Response extends ServerResponse>(
  door: Doorward,
  handler: Handler<Request, Response>,
  options?: AuthenticateOptions,
): (request: Request, response: Response) => Promise<unknown>;

/**
 * A handler within `authenticate` for callers who have at least this role: `root` does where `admin` is asked for, and both where
 * `read_only` is. Others are answered with 403, and those who are nobody with 401. A session checks roles by itself; this is
 * for what a program does without one.
 */
export function requireRole<Request extends IncomingMessage, Response extends ServerResponse>(
  role: Role,
  handler: Handler<Request, Response>,
): Handler<Request, Response>;

/**
 * Answers an error of doorward as problem details; for handlers that `authenticate` does not surround.
 * @throws The error, if it is another one or if the answer has begun.
 */
export function answerErrors(error: unknown, request: IncomingMessage, response: ServerResponse): void;
