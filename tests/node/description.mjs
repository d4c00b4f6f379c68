// GitHub's own description of its REST API (api.github.com, OpenAPI 3.0.3), one operation at a time.
import { readFileSync } from "node:fs";

const DESCRIPTION = new URL("./node_modules/@octokit/openapi/generated/api.github.com.json", import.meta.url);
const METHODS = ["get", "put", "post", "patch", "delete"];

/** GitHub's description, parsed. */
export const read = () => JSON.parse(readFileSync(DESCRIPTION, "utf8"));

/** Every operation with a pattern for its paths; an `x-multi-segment` parameter (a file's path, a ref) takes slashes too. */
export function operations(github) {
  return Object.entries(github.paths).flatMap(([template, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const parameters = (item[method].parameters ?? []).map((one) => pointed(github, one));
      const many = new Set(parameters.filter((one) => one["x-multi-segment"]).map((one) => one.name));
      return { template, method, parameters, pattern: patternOf(template, many), literals: literalsOf(template) };
    }),
  );
}

/** The operation that GitHub would take for a method and a path; undefined when there is none. */
export function routed(known, method, path) {
  const fitting = known.filter((one) => one.method === method && one.pattern.test(path));
  return fitting.sort((a, b) => b.literals - a.literals)[0];
}

/** A description of this one operation, with no more components than it refers to. */
export function alone(github, { template, method }) {
  const operation = strict(corrected(`${method} ${template}`, copied(github.paths[template][method])));
  const components = {};
  const wanted = [operation];
  while (wanted.length) {
    for (const reference of references(wanted.pop())) {
      const [, , kind, name] = reference.split("/");
      if (components[kind]?.[name]) continue;
      (components[kind] ??= {})[name] = copied(github.components[kind][name]);
      wanted.push(components[kind][name]);
    }
  }
  return { openapi: github.openapi, info: github.info, paths: { [template]: { [method]: operation } }, components };
}

/** A copy in which null is said the way Prism understands: with `nullable` beside no type it gives up, and passes anything. */
function copied(node) {
  if (node === null || typeof node !== "object") return node;
  if (Array.isArray(node)) return node.map(copied);
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, copied(value)]));
  if (copy.nullable !== true || typeof copy.type === "string") return copy;
  const { nullable, ...rest } = copy;
  return { anyOf: [rest, { enum: [null] }] };
}

// Where the words of the description allow what its schema does not.
const ALSO_ALLOWED = {
  // "You can also pass an array of labels directly", and PyGithub does
  "post /repos/{owner}/{repo}/issues/{issue_number}/labels": { type: "array", minItems: 1, items: { type: "string" } },
};

/** The operation without two mistakes of the description, either of which would forbid what GitHub does. */
function corrected(name, operation) {
  for (const content of Object.values((ALSO_ALLOWED[name] && operation.requestBody.content) ?? {})) {
    content.schema = { anyOf: [content.schema, ALSO_ALLOWED[name]] };
  }
  // The kinds of errors of one status have no required fields: an error is of several kinds at once, so of any, not of one.
  const errors = Object.entries(operation.responses).filter(([status]) => status >= "400");
  for (const { schema } of errors.flatMap(([, { content }]) => Object.values(content ?? {}))) {
    if (schema?.oneOf) {
      schema.anyOf = schema.oneOf;
      delete schema.oneOf;
    }
  }
  return operation;
}

/** The operation, its request refusing names that it does not list: GitHub ignores those, so a misspelt field is lost. */
function strict(operation) {
  for (const { schema } of Object.values(operation.requestBody?.content ?? {})) closed(schema);
  return operation;
}

function closed(schema) {
  if (schema?.properties) {
    schema.additionalProperties ??= false;
    Object.values(schema.properties).forEach(closed);
  } else {
    // beside properties, the alternatives name some of them only
    [...(schema?.oneOf ?? []), ...(schema?.anyOf ?? [])].forEach(closed);
  }
  if (schema?.items) closed(schema.items);
}

function references(node) {
  if (node === null || typeof node !== "object") return [];
  const own = typeof node.$ref === "string" ? [node.$ref] : [];
  return own.concat(Object.values(node).flatMap(references));
}

function pointed(github, parameter) {
  return parameter.$ref ? github.components.parameters[parameter.$ref.split("/").pop()] : parameter;
}

const literalsOf = (template) => template.split("/").filter((part) => !part.includes("{")).length;

function patternOf(template, many) {
  const parts = template.split(/(\{[^}]+\})/).map((part) => {
    if (!part.startsWith("{")) return part.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
    return many.has(part.slice(1, -1)) ? "(.+)" : "([^/]+)";
  });
  return new RegExp(`^${parts.join("")}$`);
}
