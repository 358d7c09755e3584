/** Where every process of this repository starts (`apps/<name>/src/main.ts`). */
import "./server/main.ts";
