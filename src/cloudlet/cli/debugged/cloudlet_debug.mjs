// The handler of a Node.js function under the debugger: waits for it, then is the function.
import { existsSync } from 'node:fs';
import inspector from 'node:inspector';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

let own;

async function load() {
  const whole = path.resolve(process.env.LAMBDA_TASK_ROOT, process.env.CLOUDLET_DEBUG_HANDLER);
  const dot = path.basename(whole).indexOf('.') + whole.length - path.basename(whole).length;
  const file = ['', '.js', '.mjs', '.cjs'].map((end) => whole.slice(0, dot) + end).find(existsSync);
  const name = whole.slice(dot + 1);
  const loaded = await import(pathToFileURL(file).href);
  return loaded[name] ?? loaded.default[name];
}

export function handler(event, context) {
  process.env.AWS_LAMBDA_FUNCTION_NAME = process.env.CLOUDLET_DEBUG_NAME;
  context.functionName = process.env.CLOUDLET_DEBUG_NAME;
  context.invokedFunctionArn = process.env.CLOUDLET_DEBUG_ARN;
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error ? reject(error) : resolve(result));
    const run = async () => {
      if (!own) {
        inspector.open(Number(process.env.CLOUDLET_DEBUG_PORT), '127.0.0.1', true);
        own = await load();
      }
      debugger; // the next step is into the function
      const result = own(event, context, callback);
      if (typeof result?.then === 'function' || own.length < 3) resolve(await result);
    };
    run().catch(reject);
  });
}
