// The same for `import`.

import fastify from './fastify.js';

export const { answerErrors, authenticate, requireRole } = fastify;
