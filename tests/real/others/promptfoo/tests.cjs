// The questions of intent.jsonl; every third one, so that what promptfoo writes stays small.
const { readFileSync } = require("fs");
const { join } = require("path");

module.exports = () =>
  readFileSync(join(__dirname, "..", "intent.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map(JSON.parse)
    .filter((_row, number) => number % 3 === 0 || number > 27)
    .map(({ id, question, intent, locale, twin }) => ({
      description: id,
      vars: { question, intent },
      metadata: { locale, twin },
    }));
