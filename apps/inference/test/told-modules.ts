import { registerHooks } from "node:module";

/** To be imported before a program: says which of these packages it loads. */
const TOLD = new Set(["cockatiel", "wink-eng-lite-web-model", "wink-nlp"]);
registerHooks({
  load(url, context, nextLoad) {
    const name = url.split("/node_modules/").at(-1)?.split("/")[0] ?? "";
    if (TOLD.delete(name)) console.error(`loads ${name}`);
    return nextLoad(url, context);
  },
});
