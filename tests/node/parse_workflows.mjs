// node parse_workflows.mjs FOLDER FILE...: GitHub's own parser over workflows and actions of the repository in FOLDER.
// Prints every finding, errors and warnings, as file:line:column: message, and exits with 1 when there is one.
import "./json_imports.mjs";
import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const { validate, registerLogger } = await import("@actions/languageservice");
const { TextDocument } = await import("vscode-languageserver-textdocument");

const [folder, ...files] = process.argv.slice(2);
if (files.length === 0) throw new Error("usage: parse_workflows.mjs FOLDER FILE...");

let broken = 0;
// The parser swallows its own crashes, and says so only to its logger: a crash is not a clean file.
const crashed = (message) => { broken += 1; console.log(`parse_workflows: ${message}`); };
registerLogger({ error: crashed, warn: crashed, info: () => {}, log: () => {} });

// Lets the parser read the repository's own reusable workflows and actions.
const fileProvider = {
  getFileContent: async ({ path, owner }) => {
    if (owner !== undefined) throw new Error(`${owner}/...: only files of this repository can be read`);
    return { name: path, content: readFileSync(join(folder, path), "utf8") };
  },
};

// The parser knows the inputs of an action of this repository by its `$/` form only; `./` means the same to it.
const LOCAL = /^(\s*(?:-\s+)?uses:\s+)\.\/(?!\S*\.ya?ml\b)(\S*)/gm;
const asOwn = (text) => text.replace(LOCAL, (_, head, path) => `${head}$/${path || "."}`);

for (const file of files) {
  const uri = pathToFileURL(resolve(file)).href;
  const document = TextDocument.create(uri, "yaml", 1, asOwn(readFileSync(file, "utf8")));
  for (const { range, message } of await validate(document, { fileProvider })) {
    broken += 1;
    console.log(`${relative(process.cwd(), file)}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
  }
}
process.exitCode = broken ? 1 : 0;
