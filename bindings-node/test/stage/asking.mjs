// Asks a server over HTTP, with a path just as it is written.

import http from 'node:http';

/** The answer to a request. Headers are an object or, to repeat one, an array of alternating names and values. */
export function ask(port, path, { method = 'GET', headers = {}, body, key } = {}) {
  const sent = key === undefined ? headers : { ...headers, 'x-api-key': key };
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method, headers: sent, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        const { statusCode: status, headers } = response;
        resolve({ status, headers, text, json: () => JSON.parse(text) });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The members of a problem, which must be one and have the headers of one. */
export function problemOf(answer) {
  if (answer.headers['content-type'] !== 'application/problem+json') throw new Error(`no problem: ${answer.status} ${answer.text}`);
  if (Number(answer.headers['content-length']) !== Buffer.byteLength(answer.text)) throw new Error('another length');
  return answer.json();
}
