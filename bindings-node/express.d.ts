/**
 * For Express 5: middleware that lets in who has a good API key.
 *
 * ```js
 * import express from 'express';
 * import { Doorward } from 'doorward';
 * import { answerErrors, authenticate, requireRole } from 'doorward/express';
 *
 * const door = await Doorward.openFromEnv();
 * const app = express();
 * app.use(authenticate(door, { exempt: ['/health', '/docs/*'] }));
 * app.get('/me', (request, response) => response.json(request.auth));
 * app.post('/reload', requireRole('admin'), reload);
 * app.use(answerErrors); // The last: it is for what the routes before it throw.
 * ```
 *
 * A middleware that must answer without a key, such as one for CORS, comes before.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { NextFunction } from 'express';

import type { AuthenticateOptions } from './http.js';
import type { AuthContext, Doorward, Role, Session } from './index.js';

export type { AuthenticateOptions } from './http.js';

declare global {
  namespace Express {
    interface Request {
      /** Who the caller is; `null` on an exempt path. */
      auth?: AuthContext | null;
      /** The door on behalf of the caller; `null` on an exempt path. */
      doorward?: Session | null;
    }
  }
}

/** A handler of requests that leaves the types of a route's parameters to the others. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: NextFunction) => void;

/**
 * Authenticates every request that is not for an exempt path, and answers those that are refused with
 * `application/problem+json`. A remote caller learns no more than "missing" or "invalid API key", and of a fault on this side
 * only the status: the reason goes to `request.log` if there is one, else to the console.
 *
 * Where the caller's key has a rate limit, every answer has the fields `RateLimit-Policy` and `RateLimit`; a caller that comes too
 * often is answered with 429 and `Retry-After`.
 * @throws `TypeError` if a rule of `exempt` means nothing certain.
 */
export function authenticate(door: Doorward, options?: AuthenticateOptions): Middleware;

/**
 * Lets on callers who have at least this role: `root` does where `admin` is asked for, and both where `read_only` is. Others are
 * answered with 403, and those who are nobody with 401. A session checks roles by itself; this is for what a program does
 * without one.
 */
export function requireRole(role: Role): Middleware;

/** Answers the errors of doorward that routes throw as problem details, and hands others on. */
export function answerErrors(error: unknown, request: IncomingMessage, response: ServerResponse, next: NextFunction): void;
