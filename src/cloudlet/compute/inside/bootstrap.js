// The Node.js side of an execution environment. Descriptors: 3 requests, 4 answers, 5 the
// particulars (JSON until its end), 1 and 2 the log. Frames: u32 length (little endian) of what
// follows, one byte kind, body. Behaviour and wording follow AWS's Node.js runtime.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { Writable } = require('node:stream');
const util = require('node:util');
const { Module } = require('node:module');
const { pathToFileURL } = require('node:url');

const MAX_RESPONSE = 6 * 1024 * 1024 + 100;
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const INTEGRATION = 'application/vnd.awslambda.http-integration-response';
const STREAMED = Symbol('cloudlet.streamed');
const EXTENSIONS = ['', '.js', '.mjs', '.cjs'];

let requestId;
let current = null; // the invocation at work
let requests = null; // the socket on descriptor 3

// --- output -------------------------------------------------------------------------------------

function writeAll(fd, data) {
  let offset = 0;
  while (offset < data.length) {
    try {
      offset += fs.writeSync(fd, data, offset);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function send(kind, body) {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.writeUInt32LE(bytes.length + 1, 0);
  head.write(kind, 4, 'latin1');
  writeAll(4, Buffer.concat([head, bytes]));
}

// One event of the log, whatever lines it has: the platform turns U+001E into a newline.
function logEvent(level, text) {
  const line = `${new Date().toISOString()}\t${requestId}\t${level}\t${text}`;
  writeAll(1, Buffer.from(line.replace(/\r?\n/g, '\x1e') + '\n'));
}

// The same in the log format JSON ("Working with structured JSON logs").
function logRecord(level, values) {
  if (LEVELS.indexOf(level) < LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL)) return;
  const record = { timestamp: new Date().toISOString(), level, requestId };
  const only = values.length === 1 ? values[0] : undefined;
  record.message = typeof only === 'object' && !isError(only) ? only : util.format(...values);
  const error = values.find(isError);
  if (error) {
    const { errorType, errorMessage, trace } = errorDocument(error);
    Object.assign(record, { errorType, errorMessage, stackTrace: trace });
  }
  let text;
  try {
    text = JSON.stringify(record);
  } catch {
    text = JSON.stringify({ ...record, message: util.format(...values) });
  }
  writeAll(1, Buffer.from(text + '\n'));
}

function inJson() {
  return process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
}

function patchConsole() {
  const levels = {
    trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR',
    fatal: 'FATAL',
  };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...values) =>
      inJson() ? logRecord(level, values) : logEvent(level, util.format(...values));
  }
}

// --- errors -------------------------------------------------------------------------------------

class RuntimeError extends Error {
  constructor(type, message, cause) {
    super(message);
    this.name = type;
    if (cause && cause.stack) this.stack = cause.stack;
  }
}

function isError(value) {
  return value instanceof Error || util.types.isNativeError(value);
}

function errorDocument(error) {
  if (!isError(error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  }
  return {
    errorType: error.name,
    errorMessage: error.message,
    trace: (error.stack || '').split('\n'),
  };
}

function logError(what, error) {
  const { errorType, errorMessage, trace } = errorDocument(error);
  if (inJson()) {
    logRecord('ERROR', [{ errorType, errorMessage, stackTrace: trace }]);
    return;
  }
  const own = isError(error) ? { ...error } : {};
  delete own.name;
  let text;
  try {
    text = JSON.stringify({ errorType, errorMessage, ...own, stack: trace });
  } catch {
    text = JSON.stringify({ errorType, errorMessage, stack: trace });
  }
  logEvent('ERROR', `${what} \t${text}`);
}

// --- the handler --------------------------------------------------------------------------------

async function loadModule(root, name) {
  const base = path.resolve(root, name);
  const file = EXTENSIONS.map((extension) => base + extension).find((candidate) => {
    try {
      return fs.statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
  if (file === undefined) {
    const tried = new Error(`Cannot find module '${path.basename(name)}'`);
    tried.code = 'MODULE_NOT_FOUND';
    throw tried;
  }
  if (file.endsWith('.mjs')) return import(pathToFileURL(file));
  try {
    return require(file);
  } catch (error) {
    if (error.code === 'ERR_REQUIRE_ESM' || error.code === 'ERR_REQUIRE_ASYNC_MODULE') {
      return import(pathToFileURL(file));
    }
    throw error;
  }
}

async function findHandler(task, handler) {
  const folder = path.dirname(handler);
  const [module, ...names] = path.basename(handler).split('.');
  if (!module || names.length === 0 || handler.includes('..')) {
    throw new RuntimeError('Runtime.MalformedHandlerName', 'Bad handler');
  }
  let loaded;
  try {
    loaded = await loadModule(task, path.join(folder, module));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new RuntimeError('Runtime.UserCodeSyntaxError', String(error), error);
    }
    if (error && (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND')) {
      throw new RuntimeError('Runtime.ImportModuleError', String(error), error);
    }
    throw error;
  }
  const pick = (from) => names.reduce((value, name) => (value == null ? value : value[name]), from);
  const found = pick(loaded) ?? pick(loaded.default);
  if (found === undefined) {
    const name = path.basename(handler);
    throw new RuntimeError('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  }
  if (typeof found !== 'function') {
    throw new RuntimeError('Runtime.HandlerNotFound', `${path.basename(handler)} is not a function`);
  }
  return found;
}

// --- streamed responses -------------------------------------------------------------------------

// What a streaming handler writes to. A full pipe makes it wait: that is the back-pressure.
class ResponseStream extends Writable {
  constructor(invocation) {
    super();
    this.invocation = invocation;
    this.contentType = 'application/octet-stream';
    this.prelude = null;
    this.begun = false;
  }

  setContentType(contentType) {
    this.contentType = contentType;
  }

  begin() {
    if (this.begun || current !== this.invocation) return;
    this.begun = true;
    send('B', this.contentType);
    if (this.prelude !== null) send('C', Buffer.concat([this.prelude, Buffer.alloc(8)]));
  }

  _write(chunk, encoding, done) {
    this.begin();
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, encoding);
    for (let start = 0; start < bytes.length && current === this.invocation; start += 65536) {
      send('C', bytes.subarray(start, start + 65536));
    }
    setImmediate(done);
  }

  _final(done) {
    this.begin();
    done();
  }
}

globalThis.awslambda = {
  streamifyResponse(handler) {
    const streaming = (...all) => handler(...all);
    streaming[STREAMED] = true;
    return streaming;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType(INTEGRATION);
      stream.prelude = Buffer.from(JSON.stringify(prelude));
      return stream;
    },
  },
};

function invokeStreaming(handler, event, context, invocation) {
  const stream = new ResponseStream(invocation);
  invocation.stream = stream;
  const fail = (error) => current === invocation && complete(error, undefined, true);
  const ended = new Promise((resolve) => stream.on('finish', resolve));
  stream.on('error', fail);
  Promise.all([handler(event, stream, context), ended]).then(
    () => current === invocation && complete(null, undefined, false),
    fail,
  );
}

// --- invocations --------------------------------------------------------------------------------

function complete(error, result, failed) {
  const invocation = current;
  if (invocation === null) return;
  let kind = 'R';
  let body;
  if (!failed && invocation.stream) {
    invocation.stream.begin();
    body = '';
  } else if (!failed) {
    try {
      body = JSON.stringify(result === undefined ? null : result) ?? 'null';
      if (Buffer.byteLength(body) > MAX_RESPONSE) [kind, body] = ['O', ''];
    } catch {
      [failed, error] = [true, new Error('Unable to stringify response body')];
    }
  }
  if (failed) {
    logError('Invoke Error', error);
    [kind, body] = ['E', JSON.stringify(errorDocument(error))];
  }
  current = null;
  requests.ref();
  send(kind, body);
}

function makeContext(header, settle) {
  const environ = process.env;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: environ.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: environ.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: environ.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environ.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environ.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: header.client ? JSON.parse(header.client) : undefined,
    identity: undefined,
    invokedFunctionArn: header.arn,
    awsRequestId: header.id,
    getRemainingTimeInMillis: () => Math.max(0, header.deadline - Date.now()),
    done: (error, result) => settle(error, result, true),
    fail: (error) => settle(error ?? 'handled', undefined, true),
    succeed: (result) => settle(null, result, true),
  };
}

function invoke(handler, header, payload) {
  requestId = header.id;
  if (header.trace) process.env._X_AMZN_TRACE_ID = header.trace;
  const invocation = { result: undefined };
  current = invocation;
  requests.unref(); // so that an empty event loop is noticed
  const settle = (error, result, now) => {
    if (current !== invocation || invocation.settled) return;
    invocation.settled = true;
    const failed = error !== null && error !== undefined;
    const finish = () => current === invocation && complete(error, result, failed);
    if (now || failed || !context.callbackWaitsForEmptyEventLoop) setImmediate(finish);
    else invocation.whenEmpty = finish;
  };
  const context = makeContext(header, settle);
  try {
    const event = JSON.parse(payload);
    if (handler[STREAMED]) {
      invokeStreaming(handler, event, context, invocation);
      return;
    }
    const returned = handler(event, context, (error, result) => settle(error, result, false));
    if (returned && typeof returned.then === 'function') {
      returned.then(
        (result) => current === invocation && complete(null, result, false),
        (error) => current === invocation && complete(error, undefined, true),
      );
    }
  } catch (error) {
    complete(error, undefined, true);
  }
}

function serve(handler) {
  let buffer = Buffer.alloc(0);
  process.on('beforeExit', () => {
    if (current === null) return;
    if (current.whenEmpty) current.whenEmpty();
    else complete(null, null, false);
  });
  requests = new net.Socket({ fd: 3, readable: true, writable: false });
  requests.on('data', (data) => {
    buffer = buffer.length ? Buffer.concat([buffer, data]) : data;
    while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32LE(0)) {
      const end = 4 + buffer.readUInt32LE(0);
      const split = 9 + buffer.readUInt32LE(5);
      const header = JSON.parse(buffer.toString('utf8', 9, split));
      const payload = buffer.toString('utf8', split, end);
      buffer = buffer.subarray(end);
      invoke(handler, header, payload);
    }
  });
  requests.on('end', () => process.exit(0));
  send('I', '');
}

// --- the beginning ------------------------------------------------------------------------------

function lastWords(what, error, status) {
  if (current === null) {
    logError(what, error);
    if (requests === null) send('F', JSON.stringify(errorDocument(error)));
    process.exit(status);
  }
  logError(what, error);
  current = null;
  send('D', JSON.stringify(errorDocument(error)));
  process.exit(status);
}

process.on('uncaughtException', (error) => lastWords('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason) => {
  const text = reason === undefined || reason === null ? String(reason) : reason.toString();
  const error = new RuntimeError('Runtime.UnhandledPromiseRejection', text, reason);
  lastWords('Unhandled Promise Rejection', error, 128);
});

// Only what differs: giving TZ its own value makes V8 find out the time zone anew, for 8 ms.
function setVariables(environ) {
  for (const name of Object.keys(process.env)) {
    if (!Object.hasOwn(environ, name)) delete process.env[name];
  }
  for (const [name, value] of Object.entries(environ)) {
    if (process.env[name] !== value) process.env[name] = value;
  }
}

async function main() {
  const particulars = JSON.parse(fs.readFileSync(5, 'utf8'));
  fs.closeSync(5);
  requestId = particulars.request_id || undefined;
  if (particulars.environ) {
    setVariables(particulars.environ);
    Module._initPaths();
  } else if (process.env._HANDLER) { // started with its variables, perhaps by a wrapper script
    particulars.handler = process.env._HANDLER;
  }
  process.chdir(particulars.task);
  process.argv.length = 1;
  patchConsole();
  let handler;
  try {
    handler = await findHandler(particulars.task, particulars.handler);
  } catch (error) {
    logError('Uncaught Exception', error);
    send('F', JSON.stringify(errorDocument(error)));
    process.exit(1);
  }
  requestId = undefined;
  serve(handler);
}

main();
