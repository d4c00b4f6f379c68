// A judge that fails in each way that one may fail, by what it is asked to judge.
module.exports = class {
  id() {
    return "judge";
  }

  async callApi(prompt) {
    if (prompt.includes("broken")) return { error: "judge: 500" };
    if (prompt.includes("garbled")) return { output: "not json at all" };
    if (prompt.includes("thrower")) throw new Error("judge threw");
    if (prompt.includes("half")) return { output: '{"pass": true, "score": 0.5, "reason": "half"}' };
    return { output: '{"pass": true, "score": 1, "reason": "ok"}' };
  }
};
