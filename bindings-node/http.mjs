// The same for `import`.

import http from './http.js';

export const { answerErrors, authenticate, requireRole } = http;
