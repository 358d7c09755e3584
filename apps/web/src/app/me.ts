import { createContext, useContext } from "react";

/** The subject that looks at the page: what it said and did is told as "you". */
export const Me = createContext("");

export const useMe = (): string => useContext(Me);
