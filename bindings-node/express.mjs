// The same for `import`.

import express from './express.js';

export const { answerErrors, authenticate, requireRole } = express;
