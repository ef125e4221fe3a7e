// The same for `import`: one implementation, so that an error or a context is of one class however it was come by.

import doorward from './index.js';

export const { Doorward, DoorwardError, Session, amountText, version } = doorward;
