import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    // The page's CSP refuses inlined (data:) files.
    assetsInlineLimit: 0,
    sourcemap: true,
    // In kB, before compression. What adds a tenth to the page should be noticed.
    chunkSizeWarningLimit: 570,
  },
});
