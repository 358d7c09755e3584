import { join } from "node:path";
import express, { type RequestHandler } from "express";

/**
 * The built page. Names under `assets/` carry a hash of the content, so they may be kept for ever; everything else is
 * asked for again each time (and mostly answered 304), so that a deploy is seen at once.
 */
export function pageFiles(folder: string): RequestHandler {
  const assets = join(folder, "assets/");
  return express.static(folder, {
    setHeaders: (response, path) => {
      response.setHeader("cache-control", path.startsWith(assets) ? "public, max-age=31536000, immutable" : "no-cache");
    },
  });
}
