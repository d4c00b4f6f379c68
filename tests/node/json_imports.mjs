// GitHub's parser imports JSON as bundlers do, without saying that it is JSON, which Node refuses: said here.
import { registerHooks } from "node:module";

registerHooks({
  load: (url, context, next) => next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context),
});
