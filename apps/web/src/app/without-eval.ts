import { config } from "zod";

// zod compiles its parsers with `new Function` where it may. The page's CSP forbids that, and every probe would be
// reported as a violation. Must be imported before anything that makes a schema.
config({ jitless: true });
