'use strict';
// How an operation is called: at once, or with a promise for what comes later.
//
// A call is `{ operation, read, finish }`: the core's name of the operation, what gives the arguments of the native part, and
// what makes the result of its answer. A target is `{ door, verdicts, caller }`: the native door, the verdicts that it has
// given, and on whose behalf the call is made (`undefined`: the host's own). `called` is the method, at whose caller an error
// points.

const { encode } = require('./arguments.js');
const { Origin, Unfit, failure } = require('./error.js');
const native = require('./native.js');

const ERROR = '!'.charCodeAt(0);

/** The promises whose answers are on their way, by ticket. While there is one, the process is kept alive. */
const awaited = new Map();
const courier = native.Courier.to(deliver);
let lastTicket = 0;

/** Makes a call and gives its result. */
function answered(target, call, given, called) {
  const text = target.door.callSync(call.operation, encoded(call, given, called), target.caller);
  return call.finish(parse(text, called), target);
}

/** Begins a call and gives a promise for its result. */
function promised(target, call, given, called) {
  return new Promise((resolve, reject) => {
    const args = encoded(call, given, called);
    const begin = (ticket) => target.door.call(ticket, call.operation, args, target.caller);
    const finish = (answer, ticket) => call.finish(answer, target, ticket);
    later(begin, finish, called, resolve, reject);
  });
}

/**
 * Begins what `begin` does with a ticket. It gives a text if the answer is there at once; else the courier brings one, and
 * `finish` gets the ticket as well. `rename` may change what is said of an error.
 */
function later(begin, finish, called, resolve, reject, rename) {
  do lastTicket = (lastTicket + 1) >>> 0;
  while (awaited.has(lastTicket));
  const ticket = lastTicket;
  const text = begin(ticket);
  if (text !== null) {
    resolve(finish(parse(text, called, rename)));
    return;
  }
  if (awaited.size === 0) courier.hold();
  awaited.set(ticket, { finish, origin: new Origin(called), resolve, reject, rename });
}

function deliver(ticket, text) {
  const { finish, origin, resolve, reject, rename } = awaited.get(ticket);
  awaited.delete(ticket);
  if (awaited.size === 0) courier.release();
  try {
    resolve(finish(parse(text, origin, rename), ticket));
  } catch (error) {
    reject(error);
  }
}

function encoded({ operation, read }, given, called) {
  return fit(() => encode(read(...given)), camel(operation), called);
}

/** What `read` gives; what is unfit for the operation becomes an error of it. */
function fit(read, operation, called) {
  try {
    return read();
  } catch (error) {
    throw error instanceof Unfit ? failure({ ...error.described, operation }, called) : error;
  }
}

/** What the native part answered; `place` is where an error of it points. */
function parse(text, place, rename = (described) => described) {
  if (text.charCodeAt(0) === ERROR) throw failure(rename(JSON.parse(text.slice(1))), place);
  return JSON.parse(text);
}

function camel(name) {
  return name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}

function snake(name) {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

module.exports = { answered, courier, fit, later, parse, promised, snake };
