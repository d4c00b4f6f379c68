// node contract_proxy.mjs PORT UPSTREAM LOG: a proxy on 127.0.0.1 that holds both sides to GitHub's own description.
// Prism (its validating engine, as a library) judges every request and every answer. A request that the description forbids
// is answered with 422 and goes no further; an answer goes back as it came. LOG gets a line of JSON for each exchange:
// {"request", "operation", "status", "violations": [{"side", "severity", "where", "message"}]}.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import prismHttp from "@stoplight/prism-http";
import { alone, operations, read, routed } from "./description.mjs";

const { createInstance, getHttpOperationsFromSpec } = prismHttp;
const [port, upstream, log] = process.argv.slice(2);
const github = read();
const known = operations(github);
const SEVERITIES = ["error", "warning", "information", "hint"];
const JUDGING = { validateRequest: true, validateResponse: true, checkSecurity: true, errors: true };
const CONFIG = { ...JUDGING, isProxy: true, upstream: new URL(upstream) };
// Of one exchange, set anew for every connection of the proxy, not of the message itself.
const HOP_BY_HOP = new Set(["host", "connection", "keep-alive", "content-length", "transfer-encoding", "content-encoding"]);
const quiet = { child: () => quiet, trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {}, success() {} };

const prepared = new Map();
/** Prism's form of an operation, made when it is first asked for: all of GitHub takes seconds and half a gigabyte. */
function prepare(operation) {
  if (!prepared.has(operation)) prepared.set(operation, getHttpOperationsFromSpec(alone(github, operation)));
  return prepared.get(operation);
}

/** Method, address, headers and body of a request, the body as bytes and as Prism wants it. */
async function received(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const url = new URL(request.url, "http://proxy");
  const query = {};
  for (const name of url.searchParams.keys()) {
    const values = url.searchParams.getAll(name);
    query[name] = values.length === 1 ? values[0] : values;
  }
  const body = bytes.length ? parsed(bytes, request.headers["content-type"]) : null;
  const { headers, url: address } = request;
  return { method: request.method.toLowerCase(), path: url.pathname, url: address, query, headers, bytes, body };
}

function parsed(bytes, type) {
  return /[/+]json\b/.test(type ?? "") ? JSON.parse(bytes.toString()) : bytes.toString();
}

const passing = (headers) => Object.fromEntries([...headers].filter(([name]) => !HOP_BY_HOP.has(name)));

/** The connection to the server behind the proxy was lost: no matter of the description; the client loses its own too. */
class Lost extends Error {}

/** What the server behind the proxy answers: status, headers, bytes. */
async function forwarded({ method, url, headers, bytes }) {
  const options = { method: method.toUpperCase(), headers: passing(Object.entries(headers)), redirect: "manual" };
  try {
    const answer = await fetch(new URL(url, upstream), bytes.length ? { ...options, body: bytes } : options);
    return { status: answer.status, headers: passing(answer.headers), bytes: Buffer.from(await answer.arrayBuffer()) };
  } catch (error) {
    throw new Lost("lost", { cause: error });
  }
}

const violation = (side, message, where = "") => ({ side, severity: "error", where, message });
const told =
  (side) =>
  ({ path = [], severity, message }) => ({ side, severity: SEVERITIES[severity], where: path.join("."), message });

function unknownParameters(operation, query) {
  const names = new Set(operation.parameters.filter((one) => one.in === "query").map((one) => one.name));
  const extra = Object.keys(query).filter((name) => !names.has(name));
  return extra.map((name) => violation("request", `${operation.template} takes no query parameter ${name}`, `query.${name}`));
}

/** What Prism has against a request and against the answer that it gets; no answer yet: `answering` fetches it. */
async function verdict(operation, given, answering) {
  const forward = ({ validations }) => () => async () => ({ _tag: "Right", right: await answering(validations) });
  const prism = createInstance(CONFIG, { logger: quiet, forward });
  const url = { path: oneSegmentEach(operation, given.path), query: given.query };
  const { right, left } = await prism.request({ ...given, url }, await prepare(operation))();
  if (left) throw left;
  return right.validations;
}

const NONSENSE = 17;
const REFUSED = { statusCode: 422, headers: {}, body: null };

/** Prism's verdict on one exchange: the violations, and the answer, which is undefined when the request was held back. */
async function judged(operation, given) {
  const early = unknownParameters(operation, given.query);
  let came, answer;
  const { input, output } = await verdict(operation, given, async (validations) => {
    if (validations.length + early.length) return REFUSED;
    came = await forwarded(given);
    const body = came.bytes.length ? parsed(came.bytes, came.headers["content-type"]) : undefined;
    return (answer = { statusCode: came.status, headers: came.headers, body });
  });
  if (!came) return { violations: [...early, ...input.map(told("request"))] };
  return { answer: came, violations: [...output.map(told("answer")), ...(await blindness(operation, given, answer))] };
}

/** Prism passes whatever it fails to compile a schema for: so nonsense in the place of each body must be objected to. */
async function blindness(operation, given, answer) {
  const nonsense = { ...given, body: given.body && NONSENSE };
  const { input, output } = await verdict(operation, nonsense, async () => ({ ...answer, body: NONSENSE }));
  const blind = [given.body && !input.length && "requests", (await described(operation, answer)) && !output.length && "answers"];
  return blind.filter(Boolean).map((what) => violation("proxy", `Prism cannot judge ${what} here: it passes nonsense`));
}

/** Whether GitHub describes the body of an answer that has one. */
async function described(operation, { statusCode, body }) {
  const [{ responses }] = await prepare(operation);
  const answer = responses.find((one) => one.code === String(statusCode)) ?? responses.find((one) => one.code === "default");
  return body !== undefined && (answer?.contents ?? []).some(({ schema }) => schema !== undefined);
}

/** The path with the slashes inside a parameter escaped: Prism's router knows no parameter with slashes. */
function oneSegmentEach(operation, path) {
  const values = operation.pattern.exec(path).slice(1);
  return operation.template.replace(/\{[^}]+\}/g, () => values.shift().replaceAll("/", "%2F"));
}

async function exchange(given) {
  const operation = routed(known, given.method, given.path);
  if (!operation) return { violations: [violation("request", "GitHub's description knows no such operation")] };
  return { operation: `${given.method.toUpperCase()} ${operation.template}`, ...(await judged(operation, given)) };
}

function problem(violations) {
  const body = JSON.stringify({ message: "GitHub's description forbids this request", errors: violations });
  return { status: 422, headers: { "content-type": "application/problem+json" }, bytes: Buffer.from(body) };
}

async function serve(request, reply) {
  const failed = (error) => (error instanceof Lost ? [] : [violation("proxy", `${error?.stack ?? error}`)]);
  const crashed = (error) => ({ error, violations: failed(error) });
  const { operation = null, answer, violations, error } = await received(request).then(exchange).catch(crashed);
  const { status, headers, bytes } = error instanceof Lost ? { status: null } : (answer ?? problem(violations));
  const line = { request: `${request.method} ${request.url}`, operation, status, violations };
  appendFileSync(log, `${JSON.stringify(line)}\n`);
  if (status === null) request.socket.destroy();
  else reply.writeHead(status, headers).end(bytes);
}

createServer(serve).listen(Number(port), "127.0.0.1", () => console.log("ready"));
